using System.Collections;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Queries;

/// <summary>SQL to run, with its parameters and settings.</summary>
public sealed partial record CitusQuery(string Sql)
{
    /// <summary>PostgreSQL's FirstNormalObjectId: objects that it has itself have lower OIDs, the same on each server.</summary>
    private const uint FirstUserOid = 16384;

    /// <summary>Values by name, for <c>@name</c> in the SQL.</summary>
    public IDictionary? Parameters { get; init; }

    /// <summary>Server parameters that hold for this query alone.</summary>
    public IDictionary? Settings { get; init; }

    /// <summary>How long the server may take; zero is for ever.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>Receives the server's notices, and how many rows were changed.</summary>
    public Action<string>? Notice { get; init; }

    /// <summary>Runs it, streaming. Statements of one text are one transaction unless they say otherwise.</summary>
    public async Task RunAsync(CitusConnection connection, IResultSink sink, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenUserSessionAsync(stop);
        await RunAsync(connection, default, session, sink, stop);
    }

    /// <summary>The same in a session of the caller's.</summary>
    /// <param name="node">The session's node; default is where the connection leads.</param>
    internal async Task RunAsync(CitusConnection connection, NodeName node, NpgsqlConnection session, IResultSink sink,
        CancellationToken stop)
    {
        try
        {
            await StreamAsync(connection, node, session, sink, stop);
        }
        catch (PostgresException refusal) when (Advice(refusal) is { } advice)
        {
            CitusException known = PostgresErrors.Describe(refusal, Sql);
            throw known.With(known.What, advice);
        }
    }

    /// <summary>What the query itself tells of a refusal.</summary>
    private string? Advice(PostgresException refusal)
    {
        if (refusal.SqlState == PostgresErrorCodes.FeatureNotSupported && PostgresErrors.IsUndistributable(refusal))
            return QueryErrors.AskForPlan;
        if (refusal.SqlState != PostgresErrorCodes.UndefinedColumn) return null;
        var given = (Parameters?.Keys.Cast<object>() ?? []).Select(k => $"{k}".TrimStart('@')).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return InlineParameters.Names(Sql).FirstOrDefault(n => !given.Contains(n)) is { } name
            ? QueryErrors.NoValue(name) : null;
    }

    private async Task StreamAsync(CitusConnection connection, NodeName node, NpgsqlConnection session, IResultSink sink,
        CancellationToken stop)
    {
        session.Notice += (_, e) => Notice?.Invoke($"{e.Notice.Severity}: {e.Notice.MessageText}");
        await QueryArguments.ApplySettingsAsync(session, Settings, stop);
        await using var command = new NpgsqlCommand(Sql, session) { CommandTimeout = (int)Math.Ceiling(Timeout.TotalSeconds) };
        QueryArguments.AddParameters(command.Parameters, Parameters);

        if (ReadsPattern().IsMatch(Sql) || Sql.Contains("returning", StringComparison.OrdinalIgnoreCase))
            command.UnknownResultTypeList = await TextColumnsAsync(command, connection.IsBalanced(session), stop);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(stop);
        try
        {
            do
            {
                if (reader.FieldCount > 0) await ReadResultAsync(reader, sink, stop);
            }
            while (await reader.NextResultAsync(stop));
            if (reader.RecordsAffected >= 0) Notice?.Invoke($"{reader.RecordsAffected} row(s) were inserted, updated, deleted or copied.");
        }
        catch (Exception e) when (e is not PostgresException) // which has ended it
        {
            // Disposing the reader reads to the end, so the server is told that nobody wants the rest.
            await ServerCancellation.EndAsync(connection, node, session);
            command.Cancel();
            throw;
        }
    }

    /// <summary>
    /// Which columns only text can carry: catalogs are full of types such as regclass and aclitem, which .NET has no
    /// type for and the server, for some, no binary form. Asked before the query runs, since nothing can be changed after.
    /// </summary>
    /// <param name="isBalanced">True where the pool has sessions to several nodes, and knows types by the numbers that they have on one
    /// of them; types that users create have another on each.</param>
    private static async Task<bool[]?> TextColumnsAsync(NpgsqlCommand command, bool isBalanced, CancellationToken stop)
    {
        try
        {
            await using NpgsqlDataReader described = await command.ExecuteReaderAsync(System.Data.CommandBehavior.SchemaOnly, stop);
            bool[] asText = Enumerable.Range(0, described.FieldCount).Select(i => !HasType(described, i)
                || (isBalanced && described.GetDataTypeOID(i) >= FirstUserOid)).ToArray();
            return asText.Contains(true) ? asText : null;
        }
        catch (PostgresException)
        {
            return null; // the query itself will say it
        }
    }

    private static bool HasType(NpgsqlDataReader reader, int column)
    {
        try
        {
            return reader.GetFieldType(column) != typeof(object);
        }
        catch (Exception e) when (e is InvalidCastException or NotSupportedException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^(\s|--[^\n]*\n|/\*.*?\*/|\()*(select|with|table|values)\b",
        RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex ReadsPattern();

    private static async Task ReadResultAsync(NpgsqlDataReader reader, IResultSink sink, CancellationToken stop)
    {
        ResultColumn[] columns = Columns(reader);
        ExactValue.Reader?[] exact = Enumerable.Range(0, columns.Length).Select(i => ExactValue.For(reader, i)).ToArray();
        await sink.BeginAsync(columns);
        var batch = new List<object?[]>(ResultBatch.Size);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        int size = 1; // The first row goes out at once; batches grow after it.
        while (await reader.ReadAsync(stop))
        {
            stop.ThrowIfCancellationRequested(); // which Npgsql leaves to the server while rows come
            var row = new object?[columns.Length];
            for (int i = 0; i < row.Length; i++) row[i] = ReadValue(reader, i, exact[i]);
            batch.Add(row);
            if (batch.Count < size && (batch.Count < 16 || clock.ElapsedMilliseconds < 100)) continue;
            await sink.RowsAsync(batch.ToArray());
            batch.Clear();
            clock.Restart();
            size = Math.Min(size * 4, ResultBatch.Size);
        }
        if (batch.Count > 0) await sink.RowsAsync(batch.ToArray());
    }

    private static object? ReadValue(NpgsqlDataReader reader, int i, ExactValue.Reader? exact)
    {
        if (reader.IsDBNull(i)) return null;
        try
        {
            return exact is null ? reader.GetValue(i) : exact(reader, i);
        }
        catch (Exception e) when (e is OverflowException or InvalidCastException or ArgumentException)
        {
            throw QueryErrors.NotRepresentable(reader, i, e);
        }
    }

    private static ResultColumn[] Columns(NpgsqlDataReader reader)
    {
        var columns = new ResultColumn[reader.FieldCount];
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < columns.Length; i++)
        {
            string name = reader.GetName(i), distinct = name;
            for (int n = 2; !seen.Add(distinct); n++) distinct = $"{name}_{n}";
            columns[i] = new ResultColumn(distinct, TypeOf(reader, i), reader.GetDataTypeName(i));
        }
        return columns;
    }

    private static Type TypeOf(NpgsqlDataReader reader, int i)
    {
        try
        {
            Type type = reader.GetFieldType(i);
            return type == typeof(System.Net.IPAddress) ? typeof(object) : type; // a network is its text
        }
        catch (Exception e) when (e is InvalidCastException or NotSupportedException)
        {
            throw QueryErrors.NotRepresentable(reader, i, e);
        }
    }
}
