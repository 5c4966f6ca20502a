#!/usr/bin/env bash
# Makes example certificates and keys in this folder, with the program that is found first: $EVENSUM, the
# release build, or the one on the PATH.
set -euo pipefail
cd "$(dirname "$0")"
evensum=${EVENSUM:-../target/release/evensum}
[ -x "$evensum" ] || evensum=$(command -v evensum) || { echo "build evensum first: cargo build --release" >&2; exit 69; }

"$evensum" certs ca --federation example.evensum.example --dir ca --days 30 --example
"$evensum" certs issue --ca ca --ods QZ1 --role coordinator --dns localhost --ip 127.0.0.1 --days 30 --out QZ1
for ods in QZ1 ZZ1 ZZ2; do
  if [ "$ods" != QZ1 ]; then
    "$evensum" certs issue --ca ca --ods "$ods" --role node --days 30 --out "$ods"
    "$evensum" keys new node --out "$ods.node.key"
  fi
  for kind in answer audit-log; do
    printf '%s %s ' "$ods" "$kind"
    "$evensum" keys new "$kind" --out "$ods.$kind.pem"
  done
done
printf 'analyst '
"$evensum" keys new analyst --out analyst.pem
