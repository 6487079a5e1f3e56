// The room in 3-D: who is here stands where they say, one walks by keys, a click or a touch, and turns by dragging. It draws only
// while something moves.
const EYES = 1.6
const METRES_A_SECOND = 3.2
const EDGE = 18
const AWAY = 6.4
const keyOf = {
  KeyW: 'ahead', ArrowUp: 'ahead', KeyS: 'back', ArrowDown: 'back', KeyA: 'left', ArrowLeft: 'left',
  KeyD: 'right', ArrowRight: 'right', KeyQ: 'turnLeft', KeyE: 'turnRight',
}
const clamp = (value, least, most) => Math.max(least, Math.min(most, value))
const isDark = () => matchMedia('(prefers-color-scheme: dark)').matches

/** Ground, light, and something to walk around. */
const furnish = (THREE, scene) => {
  const light = new THREE.HemisphereLight('#ffffff', '#5d5480', 2.4)
  const sun = new THREE.DirectionalLight('#fff3da', 1.6)
  sun.position.set(6, 12, 4)
  const paint = (color) => new THREE.MeshStandardMaterial({ color, roughness: 0.9 })
  const ground = new THREE.Mesh(new THREE.CircleGeometry(60, 64), paint('#b9b3d6'))
  ground.rotation.x = -Math.PI / 2
  const floor = new THREE.Mesh(new THREE.CylinderGeometry(9, 9.2, 0.1, 72), paint('#d9d3f0'))
  floor.position.y = -0.04
  const carpet = new THREE.Mesh(new THREE.RingGeometry(3.1, 3.4, 72), paint('#7e6fe0'))
  carpet.rotation.x = -Math.PI / 2
  carpet.position.y = 0.02
  scene.add(light, sun, ground, floor, carpet)
  for (let n = 0; n < 10; n++) {
    const angle = (n / 10) * Math.PI * 2
    const height = 1.6 + ((n * 7) % 5) * 0.45
    const pillar = new THREE.Mesh(new THREE.CylinderGeometry(0.32, 0.4, height, 20), paint(n % 2 ? '#9f8ff0' : '#e6a768'))
    pillar.position.set(Math.cos(angle) * 11, height / 2, Math.sin(angle) * 11)
    scene.add(pillar)
  }
  const dress = () => {
    const [sky, earth, boards] = isDark() ? ['#191627', '#2b2740', '#3a3556'] : ['#cfe0f7', '#b9b3d6', '#e4dff6']
    scene.background = new THREE.Color(sky)
    scene.fog = new THREE.Fog(sky, 18, 52)
    ground.material.color.set(earth)
    floor.material.color.set(boards)
    light.intensity = isDark() ? 1.5 : 2.4
  }
  dress()
  return dress
}

/** `holder`: the element that it fills. `walked(position)` whenever one has moved; `chosen(socketId)` when a person is clicked. */
export const makeView = async (holder, { walked, chosen, moved }) => {
  const [THREE, { makeAvatar }] = await Promise.all([import('/examples/lib/three.module.js'), import('/presence-three.js')])
  const renderer = new THREE.WebGLRenderer({ antialias: true })
  renderer.setPixelRatio(Math.min(2, devicePixelRatio))
  holder.prepend(renderer.domElement)
  const scene = new THREE.Scene()
  const dress = furnish(THREE, scene)
  const camera = new THREE.PerspectiveCamera(44, 1, 0.1, 120)
  const avatars = new Map() // by socket id: { body, target, name }
  const held = new Set()
  let me = null
  let yaw = 0
  let goal = null
  let last = 0
  let asked = false

  const draw = () => {
    if (asked) return
    asked = true
    requestAnimationFrame(frame)
  }
  const mine = () => avatars.get(me)
  const placeMe = () => {
    const { body } = mine()
    walked({ x: Math.round(body.position.x * 100) / 100, y: EYES, z: Math.round(body.position.z * 100) / 100 }, body.rotation.y)
  }
  const step = (seconds) => {
    const own = mine()
    if (!own) return false
    const pressed = (name) => Number(held.has(name))
    yaw += (pressed('turnLeft') - pressed('turnRight')) * seconds * 1.8
    const aside = pressed('right') - pressed('left')
    const ahead = pressed('back') - pressed('ahead')
    const way = new THREE.Vector3(aside, 0, ahead)
    let most = METRES_A_SECOND * seconds
    if (way.lengthSq() > 0) {
      goal = null
      way.normalize().applyAxisAngle(new THREE.Vector3(0, 1, 0), yaw)
    } else if (goal) {
      way.set(goal.x - own.body.position.x, 0, goal.z - own.body.position.z)
      // It stops there, however slowly frames come.
      if (way.length() <= most) {
        most = way.length()
        goal = null
      }
      way.normalize()
    }
    if (way.lengthSq() > 0) {
      const { position } = own.body
      position.x = clamp(position.x + way.x * most, -EDGE, EDGE)
      position.z = clamp(position.z + way.z * most, -EDGE, EDGE)
      own.body.rotation.y = Math.atan2(-way.x, -way.z)
      own.target.copy(position)
      placeMe()
    }
    return held.size > 0 || goal !== null
  }
  const glide = (seconds) => {
    let moves = false
    for (const [id, { body, target }] of avatars) {
      if (id === me || body.position.distanceToSquared(target) < 0.0004) continue
      body.position.lerp(target, 1 - Math.exp(-seconds * 9))
      moves = true
    }
    return moves
  }
  const look = () => {
    const at = mine()?.body.position ?? new THREE.Vector3(0, EYES, 0)
    camera.position.set(at.x + Math.sin(yaw) * AWAY, at.y + 1.5, at.z + Math.cos(yaw) * AWAY)
    camera.lookAt(at.x, at.y - 0.1, at.z)
  }
  /** Where frames are slow, they are coarser. */
  let ratio = Math.min(2, devicePixelRatio)
  let slow = 0
  const ease = (seconds) => {
    slow = seconds > 0.045 ? slow + 1 : Math.max(0, slow - 1)
    if (slow < 6 || ratio < 0.5) return
    slow = 0
    ratio *= 0.7
    renderer.setPixelRatio(ratio)
  }
  const frame = (now) => {
    asked = false
    const seconds = Math.min(0.1, (now - last) / 1000)
    last = now
    ease(seconds)
    const goesOn = [step(seconds), glide(seconds)].some(Boolean)
    look()
    renderer.render(scene, camera)
    moved?.()
    if (goesOn) draw()
  }
  const start = () => {
    if (!asked) last = performance.now()
    draw()
  }

  const fit = () => {
    const { clientWidth: width, clientHeight: height } = holder
    if (width === 0 || height === 0) return
    camera.aspect = width / height
    camera.updateProjectionMatrix()
    renderer.setSize(width, height, false)
    start()
  }
  new ResizeObserver(fit).observe(holder)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    dress()
    start()
  })

  holder.addEventListener('keydown', (event) => {
    const name = keyOf[event.code]
    if (!name || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    held.add(name)
    start()
  })
  holder.addEventListener('keyup', (event) => held.delete(keyOf[event.code]))
  holder.addEventListener('blur', () => held.clear())

  const ray = new THREE.Raycaster()
  const under = new THREE.Plane(new THREE.Vector3(0, 1, 0), 0)
  let press = null
  const canvas = renderer.domElement
  canvas.addEventListener('pointerdown', (event) => {
    press = { x: event.clientX, y: event.clientY, yaw, drags: false }
    canvas.setPointerCapture(event.pointerId)
    holder.focus({ preventScroll: true })
  })
  canvas.addEventListener('pointermove', (event) => {
    if (!press) return
    const by = event.clientX - press.x
    if (Math.abs(by) + Math.abs(event.clientY - press.y) > 6) press.drags = true
    if (!press.drags) return
    yaw = press.yaw - by / 160
    start()
  })
  canvas.addEventListener('pointercancel', () => (press = null))
  canvas.addEventListener('pointerup', (event) => {
    const isClick = press && !press.drags
    press = null
    if (!isClick) return
    const { left, top, width, height } = canvas.getBoundingClientRect()
    const at = new THREE.Vector2(((event.clientX - left) / width) * 2 - 1, -((event.clientY - top) / height) * 2 + 1)
    ray.setFromCamera(at, camera)
    for (const [id, { body }] of avatars)
      if (ray.intersectObject(body, true).length > 0) return chosen(id, event)
    const point = ray.ray.intersectPlane(under, new THREE.Vector3())
    if (!point || !mine()) return
    goal = { x: clamp(point.x, -EDGE, EDGE), z: clamp(point.z, -EDGE, EDGE) }
    start()
  })

  const at = ({ x, y, z }) => new THREE.Vector3(clamp(x, -60, 60), y > 0.8 && y < 20 ? y : EYES, clamp(z, -60, 60))
  const add = (user, place) => {
    const body = makeAvatar(THREE, user)
    body.position.copy(at(place))
    scene.add(body)
    avatars.set(user.socketId, { body, target: body.position.clone() })
  }
  const remove = (id) => {
    const { body } = avatars.get(id)
    scene.remove(body)
    body.traverse((part) => {
      part.geometry?.dispose()
      part.material?.map?.dispose()
      part.material?.dispose()
    })
    avatars.delete(id)
  }
  return {
    /** Everybody who is here, each with a place; `mineId` is oneself. */
    show: (users, mineId, placeOf) => {
      me = mineId
      const ids = new Set(users.map(({ socketId }) => socketId))
      for (const id of [...avatars.keys()]) if (!ids.has(id)) remove(id)
      for (const user of users) {
        const known = avatars.get(user.socketId)
        if (!known) add(user, placeOf(user))
        else if (user.socketId !== me) known.target.copy(at(placeOf(user)))
      }
      start()
    },
    /** Who speaks is larger. */
    speaking: (isSpeaking) => {
      let changes = false
      for (const [id, { body }] of avatars) {
        const size = isSpeaking(id) ? 1.18 : 1
        const { head } = body.userData
        if (head.scale.x === size) continue
        head.scale.setScalar(size)
        changes = true
      }
      if (changes) start()
    },
    placeOf: (id) => {
      const { body } = avatars.get(id) ?? {}
      return body ? { position: { x: body.position.x, y: body.position.y, z: body.position.z }, rotation: null } : null
    },
    ear: () => {
      const { position } = mine()?.body ?? camera
      const turn = camera.quaternion
      return { position: { x: position.x, y: position.y, z: position.z }, rotation: { x: turn.x, y: turn.y, z: turn.z, w: turn.w } }
    },
    rotation: () => yaw,
  }
}
