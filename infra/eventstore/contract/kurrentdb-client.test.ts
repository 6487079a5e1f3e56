/** The contract over @kurrent/kurrentdb-client. EVENTSTORE_URL names the server that is held beside embedded nodes; without it, those alone. */
// timeout: 600
import './appends.cases.ts'
import './batch.cases.ts'
import './ids.cases.ts'
import './ends.cases.ts'
import './idempotency.cases.ts'
import './reads.cases.ts'
import './edges.cases.ts'
import './subscriptions.cases.ts'
import './deletes.cases.ts'
import './metadata.cases.ts'
import './metadata-rules.cases.ts'
import './links.cases.ts'
import './persistent.cases.ts'
import './persistent-life.cases.ts'
import './filters.cases.ts'
import './server.cases.ts'
import './projections.cases.ts'
import './users.cases.ts'
import './restart.cases.ts'
import { runContract } from './kit.ts'

runContract('@kurrent/kurrentdb-client')
