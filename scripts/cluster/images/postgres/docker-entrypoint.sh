#!/bin/sh
# Understands what base/postgres sets of the upstream image's variables: POSTGRES_USER, _PASSWORD, _DB and PGDATA.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Built aside and moved into place whole: an interrupted first start leaves nothing that looks finished.
  draft="$PGDATA.draft"
  rm -rf "$draft"
  password_file=$(mktemp)
  printf '%s' "$POSTGRES_PASSWORD" > "$password_file"
  initdb --pgdata="$draft" --username="$POSTGRES_USER" --pwfile="$password_file" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
  rm "$password_file"
  echo 'host all all all scram-sha-256' >> "$draft/pg_hba.conf"
  echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$draft" postgres > /dev/null
  rmdir "$PGDATA" 2> /dev/null || true
  mv "$draft" "$PGDATA"
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
