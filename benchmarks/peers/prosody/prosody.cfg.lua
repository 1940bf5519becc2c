-- Prosody with rooms that keep what was said, and nothing else: one machine, no TLS, anybody may come in.
-- @FOLDER@ and @PORT@ are filled in by benchmarks/prosody.py.
run_as_root = true
data_path = "@FOLDER@"
interfaces = { "127.0.0.1" }
c2s_ports = { @PORT@ }
modules_enabled = { "saslauth" }
modules_disabled = { "s2s", "offline" }
c2s_require_encryption = false
log = { warn = "*console" }

VirtualHost "localhost"
authentication = "anonymous"

Component "rooms.localhost" "muc"
modules_enabled = { "muc_mam" }
storage = { muc_log = "sql" }
-- SQLite by its defaults: a rollback journal, synchronous=FULL.
sql = { driver = "SQLite3", database = "@FOLDER@/prosody.sqlite" }
muc_log_by_default = true
muc_log_expires_after = "never"
storage_archive_item_limit = 1000000000
muc_room_locking = false
muc_room_cache_size = 1000
-- Who comes and goes is not what is measured; telling 500 people of 500 takes minutes.
muc_room_default_presence_broadcast = { visitor = false, participant = false, moderator = false }
