#!/bin/sh
# nginx with a plain `proxy_pass`, as most people write it: HTTP/1.0 to the origin, each request on a connection of its own.
set -eu
cat > "$WORKDIR/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $WORKDIR/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path $WORKDIR/client; proxy_temp_path $WORKDIR/proxy; fastcgi_temp_path $WORKDIR/fastcgi;
  uwsgi_temp_path $WORKDIR/uwsgi; scgi_temp_path $WORKDIR/scgi;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:$LISTEN_PORT;
    location / { proxy_pass http://127.0.0.1:$UPSTREAM_PORT; }
  }
}
CONF
PATH=$PATH:/usr/sbin
exec nginx -e stderr -p "$WORKDIR/" -c "$WORKDIR/nginx.conf"
