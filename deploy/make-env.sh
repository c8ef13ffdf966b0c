#!/usr/bin/env bash
# Make `.env` beside docker-compose.yml: a new secret for each that it asks for and that is not there yet; mode 0600.
set -euo pipefail
umask 077
cd "$(dirname "$0")/.."
touch .env
chmod 600 .env
random() { head -c "$1" /dev/urandom | base64 -w 0 | tr '+/' '-_'; }
made=0
for name in $(grep -oE '\$\{[A-Z_]+:\?\}' docker-compose.yml | tr -d '${:?}' | sort -u); do
  grep -q "^${name}=" .env && continue
  case $name in
    KAFKA_CLUSTER_ID) value=A$(random 16 | cut -c 2-21)A ;;  # 16 bytes; it begins with no dash and ends as their text may
    AIRFLOW_FERNET_KEY) value=$(random 32) ;;
    *) value=$(random 256 | tr -d '_=-' | cut -c 1-64) ;;
  esac
  printf '%s=%s\n' "$name" "$value" >>.env
  made=$((made + 1))
done
echo "$made secrets made in .env; keep a copy of it where the servers' disks are not"
