#!/usr/bin/sh
# Harbor's own images add the certificates that are mounted here to those of the system when they start.
if [ -d /harbor_cust_cert ]; then
  cat /harbor_cust_cert/* > /tmp/ca-bundle.crt
  export SSL_CERT_FILE=/tmp/ca-bundle.crt
fi
exec "$@"
