/** The server. What it does is in `run.ts`, so that all of it can be loaded before its environment is known. */
import { run } from './run.ts'

await run()
