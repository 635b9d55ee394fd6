#!/usr/bin/sh
# The probe of the chart's own PostgreSQL: a real login and a real query.
PGPASSWORD="$POSTGRES_PASSWORD" exec psql -h 127.0.0.1 -U postgres -d postgres -Atqc 'SELECT 1'
