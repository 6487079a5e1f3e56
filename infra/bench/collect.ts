/** Loaded into a server under test: collects its garbage on SIGUSR2, so that only what is held is measured. */
process.on('SIGUSR2', () => {
  const gc = (globalThis as { gc?: () => void }).gc
  gc?.()
})
