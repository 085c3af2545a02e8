import { beatWords, METRICS_PORT, STOP_S, SYSTEMS, workerWords } from './systems.mjs'

const EXPORTER_PORT = 9808

/** Kubernetes: a deployment a worker, scaled by KEDA by what waits and runs, a beat, an exporter that says how much that is, and who may be disturbed. */
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
  const exporter = deployment(system, {
    name: `${system.name}-exporter`,
    words: ['-A', system.app, 'exporter', `--port=${EXPORTER_PORT}`, '--host=0.0.0.0'],
    memoryMb: 256,
    probed: false,
    port: EXPORTER_PORT,
  })
  return `# kubectl apply -f ${system.name}.yml. Made by deploy/make from its table of systems.
# The secret ${system.name} holds what deploy/env/${system.name}.env.example names.
${[...documents, beat, exporter, service(`${system.name}-exporter`)].join('---\n')}`
}

const deployment = (
  system,
  { name, words, memoryMb, probed, replicas, port = METRICS_PORT },
) => `apiVersion: apps/v1
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
${probed || port !== METRICS_PORT ? `      annotations: { prometheus.io/scrape: "true", prometheus.io/port: "${port}" }\n` : ''}    spec:
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
  # Without an answer, or with 503, KEDA changes nothing: an error is never read as an empty queue.
  triggers:
    - type: metrics-api
      metricType: AverageValue
      metadata:
        url: http://${system.name}-exporter:${EXPORTER_PORT}/scale/${worker.queues.map(encodeURIComponent).join(',')}?slots=${worker.concurrency}
        valueLocation: desired
        targetValue: "1"
`

const service = (name) => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  selector: { app.kubernetes.io/name: ${name} }
  ports: [{ name: metrics, port: ${EXPORTER_PORT}, targetPort: ${EXPORTER_PORT} }]
`

const disruption = (name) => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: ${name} }
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app.kubernetes.io/name: ${name} } }
`
