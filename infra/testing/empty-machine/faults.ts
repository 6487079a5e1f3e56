/** Faults of a whole machine, each with the sentence by which the doctor has to tell it. */
export type Machine = {
  /** Types a line at the shell. */
  readonly type: (line: string) => Promise<void>
  readonly kill: { readonly database: () => Promise<void> }
  readonly restart: { readonly database: () => Promise<void> }
}
export type MachineFault = {
  readonly named: string
  /** Settings that the doctor is given in the place of those in the file. */
  readonly env?: Readonly<Record<string, string>>
  readonly plant?: (machine: Machine) => void | Promise<void>
  readonly mend?: (machine: Machine) => void | Promise<void>
  readonly says: RegExp
  /** Default: it is wrong. */
  readonly is?: 'worth knowing'
}

/** Nothing listens there. */
const NOWHERE = '127.0.0.1:2'
const setting = (named: string, env: MachineFault['env'], says: RegExp): MachineFault => ({
  named,
  ...(env === undefined ? {} : { env }),
  says,
})
const stopped = (unit: string, says: RegExp, is?: MachineFault['is']): MachineFault => ({
  named: `${unit} is not running`,
  plant: ({ type }) => type(`systemctl stop ${unit}`),
  mend: ({ type }) => type(`systemctl start ${unit}`),
  says,
  ...(is === undefined ? {} : { is }),
})

export const FAULTS: ReadonlyArray<MachineFault> = [
  setting('a short session secret', { SESSION_SECRET: 'short' }, /SESSION_SECRET must be/),
  setting('no TURN secret to speak of', { TURN_SECRET: 'x' }, /TURN_SECRET must be/),
  setting('a master key that is none', { PRIVACY_MASTER_KEY: 'abc' }, /PRIVACY_MASTER_KEY must be/),
  setting('a signing key that is none', { AUDIT_SIGNING_KEY: 'xyz' }, /AUDIT_SIGNING_KEY must be/),
  setting('a port that is none', { PORT: '99999' }, /PORT must be/),
  setting('an origin with a path', { CORS_ORIGINS: 'https://dlux.io/path' }, /CORS_ORIGINS must be/),
  setting('an admin that is no account', { SYSTEM_ADMINS: 'Not An Account' }, /SYSTEM_ADMINS must be/),
  setting('a proxy that is no network', { TRUST_PROXY: '10.0.0.0/99' }, /TRUST_PROXY must be/),
  setting('a stand-in for Hive in production', { HIVE_STANDIN: 'on' }, /HIVE_STANDIN is on/),
  setting(
    'subscriptions to this machine in production',
    { WEBHOOKS_LOOPBACK: 'on' },
    /WEBHOOKS_LOOPBACK is on/,
  ),
  setting(
    'a primary that is not there',
    {
      DB_PRIMARY_HOST: '127.0.0.1',
      DB_PRIMARY_PORT: '2',
      DB_PRIMARY_NAME: 'a',
      DB_PRIMARY_USER: 'b',
      DB_PRIMARY_PASSWORD: 'c',
    },
    /primary/i,
  ),
  setting('a tag that is none', { CONTENT_TAG: 'Not A Tag' }, /CONTENT_TAG must be/),
  setting(
    'another master key than the data’s',
    { PRIVACY_MASTER_KEY: '77'.repeat(32) },
    /PRIVACY_MASTER_KEY/,
  ),
  setting(
    'another TURN secret than coturn’s',
    { TURN_SECRET: 'another-secret-0123456789' },
    /refuses our credentials/,
  ),
  setting('a TURN host that is not there', { TURN_HOST: 'turn.invalid' }, /there is no such host/),
  setting('TURN where nothing listens', { TURN_HOST: NOWHERE }, /over TCP can’t be reached/),
  setting(
    'TURN over TLS told of and not there',
    { TURN_TLS: 'on', TURN_TLS_HOST: NOWHERE },
    /over TLS can’t be reached/,
  ),
  setting('TURN by a name that its certificate is not for', { TURN_HOST: 'localhost' }, /don’t trust TURN/),
  setting(
    'a Hive node where nothing listens',
    { HIVE_NODE: `http://${NOWHERE}` },
    /can’t be used: nothing listens there/,
  ),
  setting(
    'DLUX’s API where nothing listens',
    { DLUX_API_URL: `http://${NOWHERE}` },
    /lists no posts: nothing listens there/,
  ),
  setting('Redis where nothing listens', { REDIS_URL: `redis://${NOWHERE}` }, /Redis at .* can’t be used/),
  setting(
    'a log where nothing listens',
    { EVENTSTORE_URL: `esdb://${NOWHERE}?tls=false` },
    /The log at .* can’t be read/,
  ),
  setting(
    'a database where nothing listens',
    { DATABASE_URL: `postgres://a:b@${NOWHERE}/c` },
    /The database at .* can’t be used/,
  ),
  setting(
    'a public address that Caddy has no certificate for',
    { PUBLIC_URL: 'https://localhost' },
    /shows no certificate/,
  ),
  setting(
    'a public address that is not there',
    { PUBLIC_URL: 'https://rooms.invalid' },
    /there is no such host/,
  ),
  setting('a server elsewhere than it listens', { PORT: '3999' }, /the server itself .* can’t be reached/),
  {
    named: 'a database password that is wrong',
    says: /The database at .* (can’t be used|refuses)/,
    plant: ({ type }) =>
      type(
        'cp /etc/presence/env /etc/presence/env.sound && sed -i "s#^DATABASE_URL=postgres\\(ql\\)\\?://[^:]*:[^@]*@#DATABASE_URL=postgresql://postgres:wrong@#" /etc/presence/env',
      ),
    mend: ({ type }) => type('mv /etc/presence/env.sound /etc/presence/env'),
  },
  stopped('presence-turn', /TURN at .* can’t be reached/),
  stopped('caddy', /the public address .* can’t be reached/),
  stopped('presence-projector', /projector|leads/),
  stopped('presence-server@127.0.0.1', /the server itself .* can’t be reached/),
  {
    named: 'Redis is down',
    says: /Redis at .* can’t be used/,
    plant: ({ type }) => type('redis-cli shutdown nosave || true'),
    mend: ({ type }) =>
      type("redis-server --daemonize yes --bind 127.0.0.1 --save '' --appendonly no --dir /tmp"),
  },
  {
    named: 'nobody owns the lobby',
    says: /lobby/,
    is: 'worth knowing',
    plant: ({ type }) =>
      type('cp /etc/presence/env /etc/presence/env.sound && sed -i "/^SYSTEM_ADMINS=/d" /etc/presence/env'),
    mend: ({ type }) => type('mv /etc/presence/env.sound /etc/presence/env'),
  },
  stopped('presence-log', /The log at .* can’t be read/),
  {
    named: 'PostgreSQL is down',
    says: /The database at .* can’t be used/,
    plant: ({ kill }) => kill.database(),
    mend: ({ restart }) => restart.database(),
  },
]
