/** Script for a page under test: what each of its connections does, to explain a voice that never comes. */

/** Before the page's own scripts. `connections` are all that it ever made; `story()` is what became of them, a line each, with the
 *  milliseconds since the page began. */
export const WATCH_CONNECTIONS = `
  window.connections = []
  {
    const lines = []
    const since = performance.now()
    const note = (...what) => lines.push(Math.round(performance.now() - since) + ' ' + what.join(' '))
    window.addEventListener('error', ({ message }) => note(message))
    window.addEventListener('unhandledrejection', ({ reason }) => note(reason))
    const Native = window.RTCPeerConnection
    window.RTCPeerConnection = class extends Native {
      constructor(...given) {
        super(...given)
        const number = connections.push(this)
        this.note = (...what) => note(number, ...what)
        for (const what of ['signaling', 'iceConnection', 'connection', 'iceGathering'])
          this.addEventListener(what.toLowerCase() + 'statechange', () => this.note(what, this[what + 'State']))
        this.addEventListener('icecandidateerror', ({ errorCode, errorText }) => this.note('no candidate', errorCode, errorText))
      }
      addTrack(...given) { this.note('adds its voice'); return super.addTrack(...given) }
      setLocalDescription(...given) { this.note('local', given[0]?.type); return super.setLocalDescription(...given) }
      setRemoteDescription(...given) { this.note('remote', given[0]?.type); return super.setRemoteDescription(...given) }
      addIceCandidate(...given) {
        const added = super.addIceCandidate(...given)
        added.catch((error) => this.note('candidate refused', error.message))
        return added
      }
      close() { this.note('closed by the page'); super.close() }
    }
    window.story = async () => {
      const now = []
      for (const [i, connection] of connections.entries()) {
        const ways = connection.getTransceivers().map((one) => [one.mid, one.direction, one.currentDirection, one.sender.track?.readyState].join('/'))
        now.push([i + 1, connection.connectionState, ...ways].join(' '))
        for (const report of (await connection.getStats()).values()) {
          if (/bound-rtp$/.test(report.type)) now.push([' ', report.type, report.packetsReceived ?? report.packetsSent].join(' '))
          if (report.type === 'candidate-pair') now.push([' ', 'pair', report.state, report.nominated ? 'nominated' : '', report.requestsSent, report.responsesReceived].join(' '))
        }
      }
      return [...lines, ...now].join('\\n')
    }
  }`
