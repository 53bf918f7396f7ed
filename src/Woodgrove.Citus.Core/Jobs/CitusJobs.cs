using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Jobs;

/// <summary>Reads the cluster's background jobs, and waits for them.</summary>
public sealed class CitusJobs(CitusConnection connection)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>The job of this number, or all that are kept, the latest first.</summary>
    /// <exception cref="CitusException">There is none of this number.</exception>
    public async Task<IReadOnlyList<CitusJob>> ListAsync(long? jobId, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        var number = new NpgsqlParameter { Value = (object?)jobId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint };
        List<CitusJob> jobs = await session.ListAsync("""
            SELECT job_id, job_type::text, description, state::text, started_at, finished_at FROM pg_catalog.pg_dist_background_job
            WHERE $1 IS NULL OR job_id = $1 ORDER BY job_id DESC
            """, row => new CitusJob(row.GetInt64(0), row.GetString(1), row.GetString(2),
                Enum.Parse<JobState>(row.GetString(3), ignoreCase: true), TimeOrNull(row, 4), TimeOrNull(row, 5), []), stop, number);
        if (jobs.Count == 0 && jobId is { } none) throw JobErrors.NotFound(none);
        ILookup<long, CitusJobTask> tasks = (await session.ListAsync($"""
            SELECT t.job_id, t.task_id, t.status::text, t.command, coalesce(t.retry_count, 0),
                CASE WHEN t.status <> 'done' THEN nullif(rtrim(t.message, E'\n'), '') END, {TaskWaits.InState}, {TaskWaits.WaitsFor}
            FROM pg_catalog.pg_dist_background_task t WHERE $1 IS NULL OR t.job_id = $1 ORDER BY t.task_id
            """, row => (Job: row.GetInt64(0), Task: new CitusJobTask(row.GetInt64(1), row.GetString(2), row.GetString(3))
            {
                Retries = row.GetInt32(4), Message = row.TextOrNull(5), InState = row.IsDBNull(6) ? null : row.GetTimeSpan(6),
                WaitsFor = row.TextOrNull(7),
            }), stop, number.Clone())).ToLookup(t => t.Job, t => t.Task);
        return [.. jobs.Select(j => j with { Tasks = tasks[j.JobId].ToListing() })];

        static DateTimeOffset? TimeOrNull(NpgsqlDataReader row, int column) =>
            row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
    }

    /// <summary>Returns when the job is over, or the time is.</summary>
    /// <param name="report">Receives the state at every look.</param>
    /// <exception cref="CitusException">There is no such job.</exception>
    public async Task<CitusJob> WaitAsync(long jobId, TimeSpan? patience, Action<CitusJob> report, CancellationToken stop)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        while (true)
        {
            CitusJob job = (await ListAsync(jobId, stop))[0];
            if (!job.IsActive || watch.Elapsed >= patience) return job;
            report(job);
            await Task.Delay(Pause, stop);
        }
    }
}
