# Read by the commands of this folder (`lock=run` or `lock=dev` set before): finds or makes the virtual environment.
# Afterwards `root` is the checkout's folder, `venv` the environment's, and the pinned packages of the lock are in it.
#
# Asked for first is NEWSLETTER_VENV, then `.venv` in the checkout, then an active environment that this checkout has
# used before. Everything said here goes to stderr: stdout belongs to the command.

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
me=scripts/$(basename -- "$(readlink -f -- "$0")")

# The oldest supported version first: it is the one that every machine of ours tests with.
search_python() {
    for candidate in ${NEWSLETTER_PYTHON:+"$NEWSLETTER_PYTHON"} python3.11 python3.12 python3.13 python3.14 python3; do
        "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        python=$candidate
        if "$python" -I -c 'import ensurepip, venv' 2>/dev/null; then
            return 0
        fi
    done
    if [ -z "${python:-}" ]; then
        echo "$me: needs Python 3.11 or newer, and found none. Install it (Debian, Ubuntu: apt-get install python3" \
            "python3-venv), or name one: NEWSLETTER_PYTHON=/path/to/python3 $me" >&2
    else
        version=$("$python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "$me: $python has no venv or ensurepip module, so no virtual environment can be made." \
            "Install it (Debian, Ubuntu: apt-get install python$version-venv), then run this again" >&2
    fi
    exit 3
}

# The environment's own Python answers fastest where there is one; a broken one does not start, and is then repaired.
python=${NEWSLETTER_VENV:-$root/.venv}/bin/python
"$python" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { python='' && search_python; }
venv=$("$python" -I -S "$root/scripts/environment.py" "$me" "$lock" "$python") || exit $?
