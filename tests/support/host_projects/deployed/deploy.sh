# What runs before the new release does, as the owner of the tables.
set -euo pipefail
chatkit-pgstore migrate --database-url "$OWNER_DATABASE_URL"
psql "$OWNER_DATABASE_URL" --set ON_ERROR_STOP=1 --set app="$APP_ROLE" --file grants.sql
