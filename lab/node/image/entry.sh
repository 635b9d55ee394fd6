#!/usr/bin/sh
# As Harbor's images: at start, the mounted certificates are added to the trusted ones.
if [ -d /harbor_cust_cert ]; then
  cat /harbor_cust_cert/* > /tmp/ca-bundle.crt
  export SSL_CERT_FILE=/tmp/ca-bundle.crt
fi
exec "$@"
