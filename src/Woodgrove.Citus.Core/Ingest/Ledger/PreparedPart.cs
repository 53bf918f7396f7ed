using System.Data;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>A transaction that a session prepares on a node and that is ended later, over another session if that one is lost.</summary>
/// <param name="session">The session whose open transaction is prepared.</param>
/// <param name="name">The transaction's name.</param>
/// <param name="node">The node, for messages.</param>
/// <param name="reopen">Opens another session to the node.</param>
internal sealed class PreparedPart(NpgsqlConnection session, PreparedName name, string node,
    Func<CancellationToken, Task<NpgsqlConnection>> reopen)
{
    private string? _transaction;

    /// <summary>Prepares the open transaction. If the call fails, the transaction may be prepared nevertheless.</summary>
    public async Task PrepareAsync(CancellationToken stop)
    {
        _transaction = await session.ScalarAsync<string>("SELECT pg_catalog.pg_current_xact_id()::text", stop);
        await session.ExecuteAsync($"PREPARE TRANSACTION '{name}'", stop);
    }

    /// <summary>Commits or rolls back; lost connections are retried until the time is over.</summary>
    /// <exception cref="NpgsqlException">The node could not be reached in that time.</exception>
    /// <exception cref="CitusException">The transaction is not there, and has not ended as asked.</exception>
    public Task EndAsync(bool commit, TimeSpan patience) => Retries.ForAsync(patience, async () =>
    {
        await using NpgsqlConnection? another = session.State == ConnectionState.Open ? null : await reopen(CancellationToken.None);
        await EndAsync(another ?? session, name, _transaction, node, commit, CancellationToken.None);
    });

    /// <summary>
    /// COMMIT PREPARED or ROLLBACK PREPARED. A transaction that is no longer there has been ended by somebody else: it
    /// counts as committed only if the node says that it was.
    /// </summary>
    /// <param name="transaction">The transaction's id (xid8) on that node.</param>
    public static async Task EndAsync(NpgsqlConnection session, PreparedName name, string? transaction, string node, bool commit,
        CancellationToken stop)
    {
        try
        {
            await session.ExecuteAsync($"{(commit ? "COMMIT" : "ROLLBACK")} PREPARED '{name}'", stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedObject)
        {
            if (!commit) return;
            string? status = await StatusAsync(session, transaction, stop);
            if (status == "committed") return;
            throw LedgerErrors.PreparedLost(name, node, status, e);
        }
    }

    private static async Task<string?> StatusAsync(NpgsqlConnection session, string? transaction, CancellationToken stop)
    {
        if (transaction is null) return null;
        try
        {
            return await session.ScalarAsync<string>("SELECT pg_catalog.pg_xact_status($1::xid8)", stop, transaction);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidParameterValue)
        {
            return null; // an id from the future: the node was restored
        }
    }
}
