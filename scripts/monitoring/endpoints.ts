interface Pods {
  namespaces: readonly string[];
  /** A selector as kubectl takes it. */
  labels: string;
  port: number;
}

/** Where metrics are had: what Prometheus calls it, the pods that serve it, and what is read of it. */
export interface Endpoint {
  /** The label `job`, which the monitors give it. */
  job: string;
  /** Undefined for what is not found by its pods. */
  pods?: Pods;
  /** Every metric of it that an alert or the dashboard reads, and no other. */
  metrics: readonly string[];
}

const argocd = (name: string, port: number): Pods => ({
  namespaces: ['argocd'],
  labels: `app.kubernetes.io/name=${name}`,
  port,
});

export const endpoints: readonly Endpoint[] = [
  {
    job: 'quote-app',
    pods: {
      namespaces: ['dev', 'staging', 'prod'],
      labels: 'app.kubernetes.io/name=quote-app',
      port: 9090,
    },
    metrics: [
      'http_request_duration_seconds_bucket',
      'http_request_duration_seconds_count',
      'pg_pool_idle',
      'pg_pool_total',
      'pg_pool_waiting',
      'quote_app_info',
    ],
  },
  {
    job: 'postgres',
    pods: { namespaces: ['prod'], labels: 'cnpg.io/cluster=postgres,cnpg.io/podRole=instance', port: 9187 },
    metrics: [
      'barman_cloud_cloudnative_pg_io_last_available_backup_timestamp',
      'cnpg_backends_total',
      'cnpg_collector_pg_wal_archive_status',
      'cnpg_pg_replication_in_recovery',
      'cnpg_pg_replication_is_wal_receiver_up',
      'cnpg_pg_replication_lag',
    ],
  },
  {
    job: 'argocd-metrics',
    pods: argocd('argocd-application-controller', 8082),
    metrics: [
      'argocd_app_info',
      'argocd_app_reconcile_bucket',
      'argocd_app_sync_duration_seconds_total',
      'argocd_app_sync_total',
      'process_start_time_seconds',
    ],
  },
  { job: 'argocd-server-metrics', pods: argocd('argocd-server', 8083), metrics: ['argocd_info'] },
  {
    job: 'argocd-repo-server',
    pods: argocd('argocd-repo-server', 8084),
    metrics: ['argocd_git_request_duration_seconds_bucket'],
  },
  {
    job: 'argocd-notifications-controller-metrics',
    pods: argocd('argocd-notifications-controller', 9001),
    metrics: ['argocd_notifications_deliveries_total'],
  },
  {
    job: 'status-page',
    metrics: [
      'quotes_audit_findings',
      'quotes_certificate_expiry_timestamp_seconds',
      'quotes_environment_healthy',
      'quotes_environment_ready_replicas',
      'quotes_environment_synced',
      'quotes_environment_wanted_replicas',
      'quotes_exemption_expiry_timestamp_seconds',
      'quotes_exemptions',
      'quotes_heals_total',
    ],
  },
];
