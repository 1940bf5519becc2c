"""Backups: one encrypted file each, made while the house goes on, proven, and put back; docs/backups.md.

`actions` are what the doors call. `working` does it, by `making` and `proving`, at the shell or in a process of its own
(`orders`, backup_job.py); `restoring` is for the shell. `folder` knows where backups lie and what became of them,
`archive` what is in one, `sealing` how it is encrypted, `keys` under what; `snapshot` and `postgres` take the database
as of one moment.
"""
