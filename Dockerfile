# Bestow with SoftHSM, for trials: a real HSM brings its own PKCS#11 library, which is mounted and named in bestow.yaml.
#
#   docker build -t bestow .
#   docker run --rm -v bestow:/data bestow init --hostname est.example.com --endpoint mqtts://broker.example.com:8883
#   docker run -p 8443:8443 -v bestow:/data bestow

FROM node:24-bookworm-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/bestow
COPY package.json package-lock.json ./
# The image holds the headers that addons are compiled with: nothing is fetched past the npm registry.
RUN npm_config_nodedir=/usr/local npm ci --omit=dev --no-audit --no-fund
COPY bin bin
COPY ca ca
COPY enrollment enrollment
COPY hsm hsm
COPY storage storage
COPY server server
COPY cli cli
RUN find ca enrollment hsm storage server cli -name '*.test.ts' -delete

FROM node:24-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends softhsm2 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 bestow \
 && useradd --system --uid 10001 --gid bestow --home-dir /data --shell /usr/sbin/nologin bestow \
 && install -d -o bestow -g bestow -m 0700 /data
COPY --from=build /opt/bestow /opt/bestow
ENV NODE_ENV=production BESTOW_DATA=/data
USER bestow
VOLUME /data
EXPOSE 8443
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/bestow/bin/bestow"]
CMD ["serve"]
