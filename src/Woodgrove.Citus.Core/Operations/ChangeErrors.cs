using Npgsql;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Operations;

/// <summary>Errors of changing the cluster.</summary>
internal static class ChangeErrors
{
    /// <summary>A statement of a change failed: which, what is done, and what is not.</summary>
    /// <param name="done">How many statements are committed; -1 where the first had not begun.</param>
    public static CitusException Failed(CitusConnection connection, ClusterChange change, int done, Exception failure)
    {
        CitusException described = failure is PostgresException server ? FromServer(connection, change, server)
            : PostgresErrors.Describe(failure, change.Target);
        return done >= 0 && failure is not PostgresException && PostgresErrors.IsNetwork(failure)
            ? described.With($"{change.Action}: {described.What} {Committed(change, done)}The outcome of statement {done + 1} of "
                + $"{change.Sql.Count} is unknown; the server may still be running it: {change.Sql[done]}",
                "Once the server answers, run the same command with -WhatIf: its plan shows what is left to do. "
                    + "Get-CitusActivity shows whether the statement still runs.")
            : described.With($"{change.Action}: {described.What} {State(change, done)}", described.Advice);
    }

    /// <summary>The session that had writers wait was lost before the change was committed.</summary>
    public static CitusException LockLost(ClusterChange change, Exception failure)
    {
        CitusException described = PostgresErrors.Describe(failure, change.Target);
        return described.With($"{change.Action}: it was committed, but the session that had writers wait was lost meanwhile ({described.What}) "
            + "Rows that were written then may be missing.", $"Compare {string.Join(", ", change.Tables)} with what was written meanwhile.");
    }

    /// <summary>What a change that was interrupted has done.</summary>
    /// <param name="done">How many statements are committed; -1 where the first had not begun.</param>
    public static string State(ClusterChange change, int done) => done < 0 ? "Nothing was changed: no statement had begun."
        : done == change.Sql.Count ? "All of it was committed before." // only the locks were still to be released
        : (change.Sql.Count == 1 ? "Its only statement was rolled back."
            : done == 0 ? "Nothing was changed: the first statement was rolled back."
            : $"{Committed(change, done)}Number {done + 1} was rolled back: {change.Sql[done]}")
        + (change.SizeBytes is null ? "" : " Citus drops what was copied by itself a little later; Repair-CitusCluster drops it at once.");

    /// <summary>A node lacks copies of the reference tables, and the role may not have them copied.</summary>
    /// <param name="sql">What copies them.</param>
    public static CitusException ReferenceNoRight(string user, string sql) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"A node does not have the reference tables yet, which must be copied there first, and {user} may not do that.",
            $"Have a superuser run: {sql};")
        { Target = "replicate_reference_tables", SqlState = PostgresErrorCodes.InsufficientPrivilege };

    /// <summary>A node lacks copies of the reference tables, and they can't be copied there while they are written to.</summary>
    public static CitusException ReferenceNoIdentity(IReadOnlyList<string> tables) =>
        new("CitusTransferRefused", CitusErrorKind.InvalidOperation,
            "A node does not have the reference tables yet, which must be copied there first. "
                + $"{string.Join(", ", tables)} can't be copied while rows are updated or deleted: without a primary key or a replica identity.",
            $"Let writers wait with -TransferMode block_writes, or give each one: "
                + string.Join(" ", tables.Select(t => $"ALTER TABLE {t} REPLICA IDENTITY FULL;"))) { Target = tables[0] };

    public static CitusException NoSession(long id) => new("CitusSessionNotFound", CitusErrorKind.ObjectNotFound,
        $"No session of the cluster has the id {id}.", "Get-CitusActivity -All lists the sessions; this one may have ended.")
            { Target = id };

    public static CitusException NothingToCancel(CitusActivity session) => new("CitusNothingToCancel", CitusErrorKind.InvalidOperation,
        $"Session {session.GlobalProcessId} is {session.State}: it runs no statement that could be cancelled.",
        "-Force ends the session, which rolls its transaction back and releases its locks.") { Target = session.GlobalProcessId };

    public static CitusException NotStopped(CitusActivity session, TimeSpan patience, bool wasTerminated) =>
        new("CitusSessionNotStopped", CitusErrorKind.OperationTimeout,
            $"Session {session.GlobalProcessId} was signalled and still runs after {patience.TotalSeconds:0} seconds"
                + (session.WaitsFor is null ? "." : $"; it waits for {session.WaitsFor}."),
            wasTerminated ? "It ends at the next point where the server looks for signals; see the log of its node."
                : "It ends at the next point where the server looks for signals; -Force ends the session.") { Target = session.GlobalProcessId };

    /// <summary>What only Citus has, or only some of its versions.</summary>
    /// <param name="what">What the user asked for, as the subject of the sentence: "Moving a shard".</param>
    /// <param name="since">The first version that has it, or null where each has.</param>
    public static CitusException NotSupported(CitusConnection connection, string what, string? since = null) =>
        new("CitusNotSupported", CitusErrorKind.NotImplemented,
            connection.IsCitus ? $"{what} needs Citus {since}, and this cluster has Citus {connection.CitusVersion}."
                : $"{what} needs Citus, and {connection.Name} is {connection.Engine}.",
            connection.IsCitus ? "Upgrade Citus on all nodes first." : null) { Target = connection.Name };

    private static CitusException FromServer(CitusConnection connection, ClusterChange change, PostgresException server) =>
        server.SqlState switch
        {
            PostgresErrorCodes.InsufficientPrivilege => new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
                $"{connection.UserName} may not do this: {PostgresErrors.Text(server)}",
                change.PermissionAdvice ?? "Only the table's owner changes a table; functions that change nodes or move shards need a "
                    + "superuser or EXECUTE on them. "
                    + "On Azure Database for PostgreSQL and Azure Cosmos DB for PostgreSQL, log in as the administrator (citus).", server)
            { Target = change.Target, SqlState = server.SqlState },
            PostgresErrorCodes.UndefinedFunction => new("CitusNotSupported", CitusErrorKind.NotImplemented,
                $"{connection.Engine} {connection.CitusVersion} cannot do this: {PostgresErrors.Text(server)}", null, server)
            { Target = change.Target, SqlState = server.SqlState },
            _ => PostgresErrors.Describe(server, change.Target),
        };

    private static string Committed(ClusterChange change, int done) =>
        done == 0 ? "" : $"{done} of {change.Sql.Count} statements were committed and stay. ";
}
