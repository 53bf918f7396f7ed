using System.Collections;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Plans.Advice;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Queries;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Requests;

/// <summary>A query to explain, with its parameters and settings.</summary>
public sealed record PlanRequest(string Sql)
{
    /// <summary>Values by name, for <c>@name</c> in the SQL.</summary>
    public IDictionary? Parameters { get; init; }

    /// <summary>Server parameters that hold for this query alone.</summary>
    public IDictionary? Settings { get; init; }

    /// <summary>How long the server may take; zero is for ever.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>Runs the query and counts times, rows and bytes. What it changes is rolled back.</summary>
    public bool Analyze { get; init; }

    /// <summary>Shows the fragment of every shard; otherwise one.</summary>
    public bool AllTasks { get; init; }

    /// <summary>Receives the server's notices.</summary>
    public Action<string>? Notice { get; init; }

    /// <summary>Asks for the plan, and reads it.</summary>
    /// <exception cref="CitusException">Citus refuses the query; the message says why and what it costs to write it otherwise.</exception>
    public async Task<CitusQueryPlan> ReadAsync(CitusConnection connection, CancellationToken stop)
    {
        bool isCitus = connection.IsCitus, isPlanned = false;
        try
        {
            await using NpgsqlConnection session = await OpenAsync(connection, stop);
            (CitusQueryPlan plan, PlanFacts facts) = await PlanAsync(connection, session, AllTasks, stop);
            // Some of many shards: only all their fragments together tell the nodes.
            if (isCitus && plan.TaskCount > plan.Fragments.Count && plan.Fragments.Count > 0 && plan.Nodes.Count == 0)
                plan = (await PlanAsync(connection, session, true, stop)).Plan with { Fragments = plan.Fragments };
            isPlanned = true;
            // In a transaction Citus calls a distributed function itself; by itself, the call is handed to a node.
            if (isCitus && !Analyze && plan is { Execution: QueryExecution.Local, TaskCount: 0 })
                plan = new PlanReader(facts).Read(await ExplainAsync(session, analyze: false, stop), Sql);
            return Analyze ? await AnalyzeAsync(session, plan, facts, isCitus, stop) : plan;
        }
        catch (PostgresException refusal)
            when (!isPlanned && refusal.SqlState.StartsWith("42", StringComparison.Ordinal)
                && UnplannedStatement.Describe(this, refusal) is { } unplanned)
        {
            throw unplanned;
        }
        catch (PostgresException refusal) when (isCitus && !isPlanned && PostgresErrors.IsUndistributable(refusal))
        {
            throw await RefusedQuery.DescribeAsync(connection, this, refusal, stop);
        }
        catch (PostgresException syntax)
            when (syntax.SqlState == PostgresErrorCodes.SyntaxError && SqlTokens.Read(Sql).SkipLast(1).Any(t => t.Is(";")))
        {
            throw PlanErrors.SeveralStatements(Sql, syntax);
        }
    }

    private async Task<(CitusQueryPlan Plan, PlanFacts Facts)> PlanAsync(CitusConnection connection, NpgsqlConnection session,
        bool allTasks, CancellationToken stop)
    {
        bool isCitus = connection.IsCitus;
        // A transaction, so that the query's tables are those that it has locked; rolled back, so that nothing stays.
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        if (isCitus) await SetAsync(session, "citus.explain_all_tasks", allTasks ? "on" : "off", stop);
        ExplainDocument document = await ExplainAsync(session, analyze: false, stop);
        PlanFacts facts = isCitus ? await FactsAsync(connection, session, document, stop) : PlanFacts.None;
        return (new PlanReader(facts).Read(document, Sql), facts);
    }

    private async Task<CitusQueryPlan> AnalyzeAsync(NpgsqlConnection session, CitusQueryPlan plan, PlanFacts facts, bool isCitus,
        CancellationToken stop)
    {
        if (WithParts(plan).FirstOrDefault(p => p.Transfer() is not null) is { } transfer)
            throw PlanErrors.NoAnalyze(Sql, transfer == plan ? "The query" : "A part of the query", transfer.Execution);
        // Never committed: what the query changes is undone with the transaction.
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        // All fragments ran anyway, and only all together tell what each node did.
        if (isCitus) await SetAsync(session, "citus.explain_all_tasks", "on", stop);
        ExplainDocument document = await ExplainAsync(session, analyze: true, stop);
        return new PlanReader(facts).Read(document, Sql);
    }

    private static IEnumerable<CitusQueryPlan> WithParts(CitusQueryPlan plan) => plan.Subplans.SelectMany(WithParts).Prepend(plan);

    private async Task<ExplainDocument> ExplainAsync(NpgsqlConnection session, bool analyze, CancellationToken stop)
    {
        // A batch's command goes to the server as one statement, which refuses a second one behind it: EXPLAIN would
        // stand before the first alone, and the second would run.
        await using var batch = new NpgsqlBatch(session) { Timeout = (int)Math.Ceiling(Timeout.TotalSeconds) };
        bool is17 = session.PostgreSqlVersion.Major >= 17;
        string options = (analyze ? ", ANALYZE, BUFFERS" : "") + (is17 ? ", MEMORY" : "") + (is17 && analyze ? ", SERIALIZE TEXT" : "");
        var command = new NpgsqlBatchCommand($"EXPLAIN (VERBOSE, FORMAT JSON{options}) {Sql}");
        QueryArguments.AddParameters(command.Parameters, Parameters);
        batch.BatchCommands.Add(command);
        return ExplainDocument.Parse((string)(await batch.ExecuteScalarAsync(stop))!);
    }

    private Task<PlanFacts> FactsAsync(CitusConnection connection, NpgsqlConnection session, ExplainDocument document,
        CancellationToken stop)
    {
        var view = PlanView.Of(document, PlanFacts.None);
        string[] functions = [.. Coordinators(document).SelectMany(r => r.Tree()).Where(PlanClassifier.IsAggregate)
            .SelectMany(n => n.Output).SelectMany(PlanClassifier.Calls).Distinct()];
        return PlanCatalog.ReadAsync(connection, session, [], functions,
            [.. (Settings?.Keys.Cast<object>() ?? []).Select(k => k.ToString()!)], withSizes: view.TaskCount > view.Fragments.Count, stop);
    }

    /// <summary>The coordinator's plan of the query and of each of its parts.</summary>
    private static IEnumerable<PlanNode> Coordinators(ExplainDocument document)
    {
        var view = PlanView.Of(document, PlanFacts.None);
        return view.Scans.SelectMany(s => s.Subplans).SelectMany(s => Coordinators(s.Plan)).Prepend(view.Coordinator);
    }

    private static Task SetAsync(NpgsqlConnection session, string name, string value, CancellationToken stop) =>
        session.ExecuteAsync("SELECT pg_catalog.set_config($1, $2, false)", stop, name, value);

    /// <summary>Whether Citus would plan the query with another setting.</summary>
    internal async Task<bool> WouldPlanAsync(CitusConnection connection, string setting, string value, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        await SetAsync(session, setting, value, stop);
        try
        {
            await ExplainAsync(session, analyze: false, stop);
            return true;
        }
        catch (PostgresException)
        {
            return false;
        }
    }

    /// <summary>A session for this query. After an XX000, as which some refusals come, Npgsql closes it.</summary>
    internal async Task<NpgsqlConnection> OpenAsync(CitusConnection connection, CancellationToken stop)
    {
        NpgsqlConnection session = await connection.OpenUserSessionAsync(stop);
        try
        {
            session.Notice += (_, e) => Notice?.Invoke($"{e.Notice.Severity}: {e.Notice.MessageText}");
            await QueryArguments.ApplySettingsAsync(session, Settings, stop);
            if (connection.IsCitus) await SetAsync(session, "citus.explain_distributed_queries", "on", stop);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }
}
