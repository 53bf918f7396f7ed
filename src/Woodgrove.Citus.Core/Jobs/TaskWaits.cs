namespace Woodgrove.Citus.Jobs;

/// <summary>SQL over a row t of pg_dist_background_task that says how long the task has run, and why it does not go on.</summary>
internal static class TaskWaits
{
    public const string InState = """
        (SELECT pg_catalog.clock_timestamp() - a.backend_start FROM pg_catalog.pg_stat_activity a
         WHERE a.pid = t.pid AND t.status = 'running')
        """;

    public const string WaitsFor = """
        CASE t.status::text
          WHEN 'blocked' THEN (SELECT 'task ' || pg_catalog.string_agg(d.depends_on::text, ', ' ORDER BY d.depends_on)
            FROM pg_catalog.pg_dist_background_task_depend d
            JOIN pg_catalog.pg_dist_background_task o ON o.task_id = d.depends_on AND o.status <> 'done' WHERE d.task_id = t.task_id)
          WHEN 'runnable' THEN CASE WHEN t.not_before > pg_catalog.now() THEN 'its retry at ' || pg_catalog.date_trunc('second', t.not_before)::text
            WHEN pg_catalog.current_setting('citus.background_task_queue_interval', true) = '-1'
              THEN 'nothing that will come: citus.background_task_queue_interval is -1, so no task is started'
            ELSE 'the maintenance daemon, which starts tasks'
              || coalesce(' every ' || pg_catalog.current_setting('citus.background_task_queue_interval', true), '')
              || ', or a free executor (citus.max_background_task_executors, citus.max_background_task_executors_per_node)' END
          WHEN 'running' THEN (SELECT 'a lock of ' || pg_catalog.string_agg('session ' || b.pid
              || coalesce(', which is ' || a.state || ' since ' || pg_catalog.date_trunc('second', a.state_change)::text, ''), '; ')
            FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(t.pid)) b (pid)
            LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid)
        END
        """;
}
