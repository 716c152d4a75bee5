# One image for every process of Shardcast: `serve` by default, and each other command (`loadtest`, `tail`, …) by its name.
#
#   docker build -t shardcast .
#   docker run --rm -p 3000:3000 shardcast serve --demo
#
# Base images are arguments, so that a mirror, or an image of your own, can stand in for them.
ARG NODE_IMAGE=docker.io/library/node:22.21.1-bookworm-slim
ARG RUNTIME_IMAGE=docker.io/library/debian:12.12-slim

FROM ${NODE_IMAGE} AS packages
# "-baseline" is for processors without AVX2, from before 2013.
ARG BUN_VARIANT=""
WORKDIR /shardcast
# The manifests alone first: packages are installed anew only when one of these changes.
COPY package.json package-lock.json .npmrc ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/client/package.json packages/client/
COPY packages/server/package.json packages/server/
COPY packages/loadtest/package.json packages/loadtest/
COPY packages/dashboard/package.json packages/dashboard/
COPY packages/demo/package.json packages/demo/
COPY packages/cli/package.json packages/cli/
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Bun's binary comes with its platform package. One of the two builds is enough, and npm's own copy is left behind.
RUN case "$(uname -m)" in aarch64) cpu=aarch64 ;; *) cpu=x64 ;; esac \
  && cp "node_modules/@oven/bun-linux-${cpu}${BUN_VARIANT}/bin/bun" /usr/local/bin/bun \
  && rm -rf node_modules/@oven node_modules/bun

FROM packages AS bundle
COPY packages packages
RUN bun packages/cli/bundle/build.ts

FROM ${RUNTIME_IMAGE}
LABEL org.opencontainers.image.title="Shardcast" \
  org.opencontainers.image.description="Ordered records from Kafka, complete and fast, to every WebSocket client" \
  org.opencontainers.image.licenses="MIT"
COPY --from=packages /usr/local/bin/bun /usr/local/bin/bun
COPY --from=packages /shardcast/node_modules /shardcast/node_modules
COPY package.json LICENSE /shardcast/
COPY packages /shardcast/packages
COPY --from=bundle /shardcast/packages/cli/dist /shardcast/packages/cli/dist
COPY loadtests /shardcast/loadtests
COPY deploy/docker/shardcast /usr/local/bin/shardcast
# A number, so that `runAsNonRoot` can be checked without the image's user table. Nothing in the image belongs to it.
USER 10001:10001
WORKDIR /tmp
ENV NODE_ENV=production
EXPOSE 3000 3001
STOPSIGNAL SIGTERM
# `live` is what a restart can mend; `/health`, which balancers ask, is red for more than that, as while draining.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["shardcast", "health", "--live"]
ENTRYPOINT ["shardcast"]
CMD ["serve"]
