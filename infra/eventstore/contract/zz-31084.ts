import './batch.cases.ts'
import './subscriptions.cases.ts'
import './links.cases.ts'
import './persistent.cases.ts'
import './persistent-life.cases.ts'
import './reads.cases.ts'
import { runContract } from './kit.ts'
runContract('@eventstore/db-client')
