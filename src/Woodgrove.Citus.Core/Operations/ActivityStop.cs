using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations;

/// <summary>Cancels a session's statement, or ends the session, on whichever node its client is connected to.</summary>
/// <param name="terminate">Ends the session.</param>
public sealed class ActivityStop(CitusConnection connection, bool terminate)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private CitusActivity? _before;

    /// <exception cref="Errors.CitusException">There is no such session, or none of its statements runs.</exception>
    public async Task<ClusterChange> PlanAsync(long id, CancellationToken stop)
    {
        CitusActivity session = _before = await FindAsync(id, stop) ?? throw ChangeErrors.NoSession(id);
        if (!terminate && session.State is not (null or "active")) throw ChangeErrors.NothingToCancel(session);
        string name = id.ToString(CultureInfo.InvariantCulture), function = terminate ? "pg_terminate_backend" : "pg_cancel_backend";
        return new ClusterChange
        {
            Action = $"{(terminate ? "End session" : "Cancel the statement of session")} {name} of {session.UserName} on "
                + $"{session.NodeName}:{session.NodePort}{(session.Query is null ? "" : $": {session.Query}")}",
            Target = $"session {name}",
            // Citus's function takes its own id, and passes the signal on to the node.
            Sql = [$"SELECT pg_catalog.{function}({(connection.IsCitus ? $"{name}::bigint"
                : session.ProcessId.ToString(CultureInfo.InvariantCulture))})"],
            Locks = [terminate ? "Its open transaction is rolled back on all nodes, and its locks are released."
                : "The statement is rolled back; a transaction block that it is part of stays open, failed, until its client ends it."],
            PermissionAdvice = $"Let a superuser run GRANT pg_signal_backend TO {TableName.QuoteIfNeeded(connection.UserName)}; "
                + "sessions of superusers are stopped by superusers alone.",
        };
    }

    /// <summary>Waits until the statement or the session has ended.</summary>
    /// <exception cref="Errors.CitusException">It still runs when the time is over.</exception>
    /// <returns>The session as it is then, or null where it has ended.</returns>
    public async Task<CitusActivity?> WaitAsync(long id, TimeSpan patience, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        while (await FindAsync(id, stop) is { } session)
        {
            if (session.SessionStart != _before!.SessionStart) return null; // another, whose process has the same id
            if (!terminate && (session.State != "active" || session.QueryStart != _before.QueryStart)) return session;
            if (clock.Elapsed > patience) throw ChangeErrors.NotStopped(session, patience, terminate);
            await Task.Delay(Pause, stop);
        }
        return null;
    }

    private async Task<CitusActivity?> FindAsync(long id, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        SessionSnapshot seen = await SessionSnapshot.ReadAsync(connection, session, stop);
        return seen.Activities().FirstOrDefault(a => a.GlobalProcessId == id);
    }
}
