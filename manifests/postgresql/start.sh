#!/bin/sh
# Make a database cluster where there is none yet, then become the server.
#
# POSTGRES_PASSWORD becomes the password of the user postgres, which clients on the network have to give.
# Without it, only who runs as postgres in here may connect, by the Unix socket.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    options='--username=postgres --encoding=UTF8 --auth-local=peer --auth-host=scram-sha-256'
    if [ -n "${POSTGRES_PASSWORD-}" ]; then
        # shellcheck disable=SC2086  # the options are words
        printf '%s\n' "$POSTGRES_PASSWORD" | initdb $options --pwfile=/dev/stdin
    else
        initdb $options
    fi
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
fi
unset POSTGRES_PASSWORD

exec postgres -c listen_addresses='*' "$@"
