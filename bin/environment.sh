# Read by bin/run and bin/test: finds a Python, and keeps a virtual environment in step with a lock.

say() {
    printf '%s\n' "$*" >&2
}

# ensure_environment FOLDER LOCK: FOLDER ends up holding what LOCK names; when it already does, nothing is done.
# The stamp says what the folder was made of: the Python and the place on its first line, then the lock. It is
# written last, so that an interrupted installation counts as none.
ensure_environment() {
    environment=$1 lock=$2 stamp=$1/installed-from.txt
    if [ -f "$stamp" ] && made_of | cmp -s - "$stamp"; then
        return
    fi
    python=$(find_python) || return 1
    say "Installing what HomeChat needs into $environment; this takes a minute or two, once."
    if [ -f "$stamp" ] && [ "$(python_and_place)" = "$(head -n 1 "$stamp")" ]; then
        mv "$stamp" "$stamp.before"
    else
        rm -f "$stamp.before"
        "$python" -m venv --clear "$environment" || return 1
    fi
    if ! "$environment/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock"; then
        # pip fetches everything before it changes anything: offline, the environment is still what it was.
        [ ! -f "$stamp.before" ] || mv "$stamp.before" "$stamp"
        say "The installation failed, for the reason above. It needs the internet, and a 64-bit system."
        return 1
    fi
    made_of >"$stamp.new" && mv "$stamp.new" "$stamp"
}

made_of() {
    python_and_place && cat "$lock"
}

python_and_place() {
    "$environment/bin/python" -c 'import sys; print(*sys.version_info[:2], sys.prefix)' 2>/dev/null
}

# Prints the name of a suitable Python. A name on the PATH may still not start (pyenv has such), so each is tried.
find_python() {
    for candidate in python3.13 python3.12 python3.11 python3; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
        without_venv=${without_venv:-$candidate}
    done
    if [ -n "${without_venv:-}" ]; then
        say "$("$without_venv" -V) is here, but its venv module is not. $(how_to_install venv)"
    else
        say "HomeChat needs Python 3.11 or newer, and there is none on the PATH. $(how_to_install python)"
    fi
    return 1
}

# how_to_install python|venv: a sentence for this kind of system.
how_to_install() {
    kind=$(. "${OS_RELEASE:-/etc/os-release}" 2>/dev/null && printf '%s %s' "${ID:-}" "${ID_LIKE:-}") || kind=$(uname -s)
    case "$kind" in
    *debian* | *ubuntu*)
        if [ "$1" = venv ]; then
            number=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            printf 'Install it with: sudo apt install python%s-venv' "$number"
        else
            printf 'Install it with: sudo apt install python3 python3-venv'
            printf ' (from Debian 12, Raspberry Pi OS 12 and Ubuntu 24.04 on)'
        fi ;;
    *fedora* | *rhel*) printf 'Install it with: sudo dnf install python3.13' ;;
    *suse*) printf 'Install it with: sudo zypper install python313' ;;
    *arch*) printf 'Install it with: sudo pacman -S python' ;;
    *Darwin*) printf 'Install it with: brew install python@3.13' ;;
    *) printf 'Install Python 3.11 to 3.13 with its venv module, the way your system does it.' ;;
    esac
}
