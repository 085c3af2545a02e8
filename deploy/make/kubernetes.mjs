import { beatWords, METRICS_PORT, STOP_S, SYSTEMS, workerWords } from './systems.mjs'

/** More than so many waiting tasks a pod call for another. */
const WAITING_A_POD = 100

/** Kubernetes: a deployment a worker, scaled by KEDA by what waits, a beat, and who may be disturbed. */
export function kubernetesFiles() {
  return Object.fromEntries(SYSTEMS.map((system) => [`kubernetes/${system.name}.yml`, manifests(system)]))
}

function manifests(system) {
  const documents = system.workers.flatMap((worker) => [
    deployment(system, {
      name: `${system.name}-${worker.name}`,
      words: [...workerWords(system, worker), `--metrics-port=${METRICS_PORT}`, '--metrics-host=0.0.0.0'],
      memoryMb: worker.memoryMb,
      probed: true,
    }),
    scaled(system, worker),
    disruption(`${system.name}-${worker.name}`),
  ])
  const beat = deployment(system, {
    name: `${system.name}-beat`,
    words: beatWords(system),
    memoryMb: 256,
    probed: false,
    replicas: 2,
  })
  return `# kubectl apply -f ${system.name}.yml. Made by deploy/make from its table of systems.
# The secret ${system.name} holds what deploy/env/${system.name}.env.example names.
${[...documents, beat].join('---\n')}`
}

const deployment = (system, { name, words, memoryMb, probed, replicas }) => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { app.kubernetes.io/name: ${name}, app.kubernetes.io/part-of: ${system.name} }
spec:
${replicas ? `  # Any number of beats may run: one of them sends, and when it dies another does.\n  replicas: ${replicas}\n` : ''}  selector: { matchLabels: { app.kubernetes.io/name: ${name} } }
  # New pods are up before old ones end: their tasks end first.
  strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
  template:
    metadata:
      labels: { app.kubernetes.io/name: ${name}, app.kubernetes.io/part-of: ${system.name} }
${probed ? `      annotations: { prometheus.io/scrape: "true", prometheus.io/port: "${METRICS_PORT}" }\n` : ''}    spec:
      terminationGracePeriodSeconds: ${STOP_S}
      automountServiceAccountToken: false
      securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: celery
          image: ${system.name}:latest
          args: ${JSON.stringify(words)}
          envFrom: [{ secretRef: { name: ${system.name} } }]
          env: [{ name: NODE_ENV, value: production }]
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          resources: { requests: { cpu: 100m, memory: ${Math.round(memoryMb / 2)}Mi }, limits: { memory: ${memoryMb}Mi } }
          volumeMounts: [{ name: tmp, mountPath: /tmp }${system.data ? `, { name: uploads, mountPath: ${system.data} }` : ''}]
${
  probed
    ? `          ports: [{ name: metrics, containerPort: ${METRICS_PORT} }]
          startupProbe: { httpGet: { path: /health/ready, port: metrics }, periodSeconds: 2, failureThreshold: 30 }
          livenessProbe: { httpGet: { path: /health/live, port: metrics }, periodSeconds: 10, failureThreshold: 6 }
          readinessProbe: { httpGet: { path: /health/ready, port: metrics }, periodSeconds: 10, timeoutSeconds: 3 }
`
    : ''
}      volumes: [{ name: tmp, emptyDir: {} }${system.data ? `, { name: uploads, persistentVolumeClaim: { claimName: ${system.name}-uploads } }` : ''}]
`

const scaled = (system, worker) => `apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: ${system.name}-${worker.name} }
spec:
  scaleTargetRef: { name: ${system.name}-${worker.name} }
  minReplicaCount: 1
  maxReplicaCount: 10
  cooldownPeriod: 300
  triggers:
${worker.queues
  .map(
    (queue) => `    - type: prometheus
      metadata:
        serverAddress: http://prometheus.monitoring.svc:9090
        # Every worker of a queue tells the same depth: hence max.
        query: max(celery_queue_length{queue_name="${queue}"}) or vector(0)
        threshold: "${WAITING_A_POD}"
`,
  )
  .join('')}`

const disruption = (name) => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: ${name} }
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app.kubernetes.io/name: ${name} } }
`
