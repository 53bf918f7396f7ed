using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation;

/// <summary>
/// Puts questions to nodes: to each in one batch, to all at the same time. A node that this machine cannot reach
/// is asked by way of the coordinator. Sessions are read-only, and the server ends a question that takes too long.
/// </summary>
internal sealed class NodeInquiry(CitusConnection connection, TimeSpan patience, bool includeModule = false)
{
    private const string Clock = "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8::text";

    // Shards show among the tables with the visibility off; a node that does not answer is given up in time to say so.
    // A pooled session's kept connections may lead to servers that were restarted since. None are to be kept from here
    // on, and Citus ends those that there are with a transaction that is rolled back.
    private string Manners => $"""
        SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false),
            pg_catalog.set_config('statement_timeout', '{patience.TotalMilliseconds:F0}', false),
               pg_catalog.set_config('lock_timeout', '{Math.Min(500, patience.TotalMilliseconds / 2):F0}', false),
                   pg_catalog.set_config('citus.override_table_visibility', 'off', false),
               pg_catalog.set_config('citus.node_connection_timeout', '{patience.TotalMilliseconds / 3:F0}', false),
               pg_catalog.set_config('citus.max_cached_conns_per_worker', '0', false)
        """;

    /// <summary>A session to the node that the connection leads to.</summary>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken stop) =>
        await PrepareAsync(await connection.OpenSessionAsync(ClientPatience, stop), stop);

    /// <summary>Asks one node and says how that went.</summary>
    public async Task<NodeState> AskAsync(NodeState node, IReadOnlyList<Question> questions, Facts facts, CancellationToken stop)
    {
        try
        {
            return await AskDirectlyAsync(node, questions, facts, stop);
        }
        catch (Exception e) when (IsUnreachable(e, stop))
        {
            if (!node.IsLocal && await AskThroughCoordinatorAsync(node, questions, facts, stop) is { } asked) return asked;
            string reason = $"cannot be reached: {PostgresErrors.Describe(e).What.TrimEnd('.')}";
            foreach (Question question in questions) facts.Add(new Gap(question, node.Node, reason, false));
            return node with { Unreachable = reason };
        }
    }

    /// <summary>Puts questions in as few round trips as there are refusals, plus one.</summary>
    public async Task AskAsync(
        NpgsqlConnection session, string node, IReadOnlyList<Question> questions, Facts facts, Func<string, NpgsqlBatchCommand>? phrase,
        CancellationToken stop)
    {
        int next = 0;
        while (next < questions.Count)
        {
            await using var batch = new NpgsqlBatch(session) { Timeout = ClientPatience };
            foreach (Question question in questions.Skip(next))
            {
                string sql = includeModule ? ModuleSchema.Include(question.ToSql(node)) : question.ToSql(node);
                batch.BatchCommands.Add(phrase?.Invoke(sql) ?? new NpgsqlBatchCommand(sql));
            }
            try
            {
                await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync(stop);
                do
                {
                    await reader.ReadAsync(stop);
                    string? answer = await reader.IsDBNullAsync(0, stop) ? null : reader.GetString(0);
                    if (phrase is not null && !reader.GetBoolean(1))
                        facts.Add(new Gap(questions[next], node, answer ?? "no answer", false));
                    else facts.Add(questions[next], node, phrase is null || answer is null ? answer : SearchPath.Unwrap(answer));
                    next++;
                }
                while (await reader.NextResultAsync(stop));
            }
            catch (PostgresException e) when (!stop.IsCancellationRequested)
            {
                string reason = e.SqlState == PostgresErrorCodes.QueryCanceled ? $"no answer within {patience.TotalSeconds:0.#} s"
                    : await NodeRefusal.ReasonAsync(session, e, stop);
                facts.Add(new Gap(questions[next++], node, reason, e.SqlState == PostgresErrorCodes.InsufficientPrivilege));
            }
            catch (Exception e) when (IsUnreachable(e, stop))
            {
                // The session is lost, and with it the rest.
                foreach (Question question in questions.Skip(next))
                    facts.Add(new Gap(question, node, PostgresErrors.Describe(e).What, false));
                return;
            }
        }
    }

    // The server's own limit comes first, where the server still answers.
    private int ClientPatience => (int)Math.Ceiling(patience.TotalSeconds) + 2;

    private async Task<NodeState> AskDirectlyAsync(NodeState node, IReadOnlyList<Question> questions, Facts facts, CancellationToken stop)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        giveUp.CancelAfter(patience);
        await using NpgsqlConnection session = node.IsLocal ? await OpenAsync(giveUp.Token) : await PrepareAsync(
            await connection.OpenNodeSessionAsync(new NodeName(node.Host, node.Port), giveUp.Token, ClientPatience), giveUp.Token);
        await using var clock = new NpgsqlCommand(Clock, session) { CommandTimeout = ClientPatience };
        NodeState asked = Timed(node, Stopwatch.StartNew(), DateTimeOffset.UtcNow, (string)(await clock.ExecuteScalarAsync(giveUp.Token))!);
        await AskAsync(session, node.Node, questions, facts, null, stop);
        return asked;
    }

    /// <returns>Null where the coordinator does not reach it either.</returns>
    private async Task<NodeState?> AskThroughCoordinatorAsync(NodeState node, IReadOnlyList<Question> questions, Facts facts,
        CancellationToken stop)
    {
        NpgsqlBatchCommand Phrase(string sql) =>
            new("SELECT result, success FROM pg_catalog.master_run_on_worker(ARRAY[$1], ARRAY[$2], ARRAY[$3], false)")
        {
            Parameters = { new() { Value = node.Host }, new() { Value = node.Port }, new() { Value = SearchPath.Wrap(sql) } },
        };
        try
        {
            await using NpgsqlConnection session = await OpenAsync(stop);
            await using var batch = new NpgsqlBatch(session) { BatchCommands = { Phrase(Clock) }, Timeout = ClientPatience };
            DateTimeOffset begun = DateTimeOffset.UtcNow;
            var watch = Stopwatch.StartNew();
            NodeState asked;
            await using (NpgsqlDataReader reader = await batch.ExecuteReaderAsync(stop))
            {
                if (!await reader.ReadAsync(stop) || !reader.GetBoolean(1)) return null;
                asked = Timed(node, watch, begun, SearchPath.Unwrap(reader.GetString(0))!);
            }
            await AskAsync(session, node.Node, questions, facts, Phrase, stop);
            return asked;
        }
        catch (Exception e) when (IsUnreachable(e, stop))
        {
            return null;
        }
    }

    private async Task<NpgsqlConnection> PrepareAsync(NpgsqlConnection session, CancellationToken stop)
    {
        try
        {
            await using var command = new NpgsqlCommand(Manners, session) { CommandTimeout = ClientPatience };
            await command.ExecuteNonQueryAsync(stop);
            command.CommandText = "BEGIN; ROLLBACK";
            await command.ExecuteNonQueryAsync(stop);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    private static NodeState Timed(NodeState node, Stopwatch watch, DateTimeOffset begun, string serverSeconds)
    {
        double half = watch.Elapsed.TotalSeconds / 2,
            server = double.Parse(serverSeconds, System.Globalization.CultureInfo.InvariantCulture);
        return node with { ClockOffset = server - (begun.ToUnixTimeMilliseconds() / 1000.0) - half, ClockUncertainty = half };
    }

    private static bool IsUnreachable(Exception failure, CancellationToken stop) =>
        !stop.IsCancellationRequested
            && failure is NpgsqlException or OperationCanceledException or TimeoutException or System.Net.Sockets.SocketException
                or InvalidOperationException;
}
