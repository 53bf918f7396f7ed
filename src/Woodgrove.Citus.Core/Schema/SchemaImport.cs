using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Schema;

/// <summary>
/// Makes the objects of a schema in a database, each in a transaction of its own. What exists is compared, and never changed.
/// </summary>
public sealed class SchemaImport : IAsyncDisposable
{
    private readonly CitusConnection _connection;
    private readonly Dictionary<(string, string), SchemaObject> _existing;
    private readonly List<SchemaObject> _applied = [];

    /// <summary>Names that what depends on them can't be made upon, with the reason.</summary>
    private readonly Dictionary<string, string> _unfit = [];

    /// <summary>What the server reports for an object that exists; for text search objects, the key of a catalog.</summary>
    private static readonly HashSet<string> Duplicates = [PostgresErrorCodes.DuplicateObject, PostgresErrorCodes.DuplicateFunction,
        PostgresErrorCodes.DuplicateSchema, PostgresErrorCodes.DuplicateTable, PostgresErrorCodes.UniqueViolation];

    private NpgsqlConnection _session;

    private SchemaImport(CitusConnection connection, NpgsqlConnection session, Dictionary<(string, string), SchemaObject> existing) =>
        (_connection, _session, _existing) = (connection, session, existing);

    /// <summary>Reads what the database has.</summary>
    public static async Task<SchemaImport> OpenAsync(CitusConnection connection, CancellationToken stop)
    {
        NpgsqlConnection session = await OpenSessionAsync(connection, stop);
        try
        {
            return new SchemaImport(connection, session, await ExistingAsync(session, stop));
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// The bodies of functions are checked when they run: what they name may not be there yet. Tables are stored as the script says,
    /// whatever the database's default.
    /// </summary>
    private static async Task<NpgsqlConnection> OpenSessionAsync(CitusConnection connection, CancellationToken stop)
    {
        NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        await session.ExecuteAsync("SET check_function_bodies = false; SET default_table_access_method = heap; "
            + $"{DdlPropagation.OnAllNodesInSession}", stop);
        return session;
    }

    /// <summary>What there is to say of an object without applying it; null where it is to be applied.</summary>
    public SchemaImportResult? Examine(SchemaObject item)
    {
        if (_existing.TryGetValue(item.Key, out SchemaObject? there))
        {
            IReadOnlyList<SchemaDifference> differences = item.DifferencesTo(there);
            if (differences.Count == 0) return Result(item, SchemaImportState.Equal);
            // Citus distributes a function when it is created; only its argument and tables are missing then.
            if (item.Kind == SchemaObjectKind.DistributedFunction && there.Properties.All(p => p.Value is null or "false")) return null;
            // Another version of an extension is reported, and is no obstacle.
            if (item.Kind is not (SchemaObjectKind.Extension or SchemaObjectKind.View)) Mark(item, "is different in the database");
            return Result(item, SchemaImportState.Different) with { Differences = [.. differences] };
        }
        if (item.Sql.Length == 0) return Skipped(item, item.Note ?? "The script has no SQL for it.");
        return item.DependsOn.FirstOrDefault(_unfit.ContainsKey) is { } missing
            ? Skipped(item, $"It depends on {missing}, which {_unfit[missing]}.") : null;
    }

    public async Task<SchemaImportResult> ApplyAsync(SchemaObject item, CancellationToken stop)
    {
        try
        {
            await _session.ExecuteAsync(Whole(item.Sql), stop);
            _applied.Add(item);
            return Result(item, SchemaImportState.Applied);
        }
        catch (PostgresException e)
        {
            // An internal error of Citus's closes the session.
            if (_session.State != System.Data.ConnectionState.Open)
            {
                await _session.DisposeAsync();
                _session = await OpenSessionAsync(_connection, stop);
            }
            if (!IsCompared(item) && Duplicates.Contains(e.SqlState))
                return Result(item, SchemaImportState.Skipped) with { Reason = "It exists already; it is not compared." };
            Mark(item, "could not be made");
            return Result(item, SchemaImportState.Failed) with { Reason = PostgresErrors.Text(e) };
        }
    }

    /// <summary>Npgsql divides SQL into statements, and would divide a body that is not a string (BEGIN ATOMIC), too.</summary>
    private static string Whole(string sql)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(sql);
        return Enumerable.Range(1, Math.Max(0, tokens.Count - 1)).Any(i => tokens[i].Is("atomic") && tokens[i - 1].Is("begin"))
            ? $"DO {TableName.Literal($"BEGIN EXECUTE {TableName.Literal(sql)}; END")}" : sql;
    }

    /// <summary>
    /// What was applied, and is not now as the script has it. Another version of an extension is the server's own, and of
    /// PostgreSQL prints the queries of views in another way.
    /// </summary>
    public async Task<IReadOnlyList<(SchemaObject Object, string Why)>> VerifyAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await _connection.OpenSessionAsync(stop);
        Dictionary<(string, string), SchemaObject> now = await ExistingAsync(session, stop);
        var wrong = new List<(SchemaObject, string)>();
        foreach (SchemaObject item in _applied.Where(a => IsCompared(a) && a.Kind is not
            (SchemaObjectKind.Extension or SchemaObjectKind.View)))
        {
            if (!now.TryGetValue(item.Key, out SchemaObject? made)) wrong.Add((item, "it is not there"));
            else if (item.DifferencesTo(made) is { Count: > 0 } differences) wrong.Add((item, string.Join("; ", differences)));
        }
        return wrong;
    }

    public ValueTask DisposeAsync() => _session.DisposeAsync();

    private static async Task<Dictionary<(string, string), SchemaObject>> ExistingAsync(NpgsqlConnection session, CancellationToken stop)
    {
        List<SchemaObject> found = await new SchemaReader(session, stop).ReadAsync();
        found.AddRange(await DefinitionReader.ReadAsync(session, stop));
        return found.DistinctBy(o => o.Key).ToDictionary(o => o.Key);
    }

    /// <summary>False for kinds of objects that <see cref="DefinitionReader"/> does not read, such as casts and servers.</summary>
    private static bool IsCompared(SchemaObject item) => item.Kind != SchemaObjectKind.Other || item.Properties.Count > 0;

    private void Mark(SchemaObject item, string why) => _unfit.TryAdd(item.Name, why);

    private SchemaImportResult Skipped(SchemaObject item, string why)
    {
        if (item.Kind != SchemaObjectKind.Other) Mark(item, "was skipped");
        return Result(item, SchemaImportState.Skipped) with { Reason = why };
    }

    private static SchemaImportResult Result(SchemaObject item, SchemaImportState state) =>
        new(item.Kind, item.Name, state, [], null, item.Sql);
}
