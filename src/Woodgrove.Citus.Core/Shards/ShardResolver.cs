using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Queries;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>
/// Finds the shards of values. The ranges are read once; hashes are computed here, and the server is asked, for
/// many values at a time, only for those that it alone can hash.
/// </summary>
public sealed class ShardResolver
{
    private readonly TableInfo _table;
    private readonly TableColumn _column;
    private readonly ShardMap _shards;
    private readonly ValueHasher? _hasher;
    private readonly CitusConnection? _connection;

    private ShardResolver(CitusConnection? connection, TableInfo table, TableColumn column, ShardMap shards)
    {
        (_connection, _table, _column, _shards) = (connection, table, column, shards);
        _hasher = ValueHasher.For(column);
    }

    public string DistributionColumn => _column.Name;

    /// <summary>True where every value must be put to the server.</summary>
    public bool AsksServer => _hasher is null;

    /// <exception cref="CitusException">The table has no distribution column.</exception>
    public static async Task<ShardResolver> OpenAsync(CitusConnection connection, string table, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        return await OpenAsync(session, await TableCatalog.FindAsync(connection, session, TableName.Parse(table), stop), stop, connection);
    }

    internal static async Task<ShardResolver> OpenAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop, CitusConnection? connection = null)
    {
        if (table.DistributionColumn is null)
        {
            throw new CitusException("CitusNotDistributed", CitusErrorKind.InvalidArgument,
                $"{table.Display} has no distribution column, so no value chooses a shard of it.",
                "Name a table distributed by a column; Get-DistributedTable lists them.") { Target = table.Display };
        }
        TableColumn column = table.FindColumn(table.DistributionColumn)!;
        return new ShardResolver(connection, table, column, new ShardMap(await ShardMap.ReadAsync(session, table, stop)));
    }

    /// <summary>The answer for a value, or null where the server must be asked.</summary>
    public ShardAnswer? TryResolve(object? value)
    {
        if (ValueText.Of(value) is not { } text) return new ShardAnswer(null, NullValue());
        return _hasher is not null && _hasher.TryHash(text, out int hash) ? new ShardAnswer(At(value, hash), null) : null;
    }

    /// <summary>An answer for each of the values, in their order.</summary>
    public async Task<IReadOnlyList<ShardAnswer>> ResolveAsync(IReadOnlyList<object?> values, CancellationToken stop)
    {
        await using NpgsqlConnection session = await _connection!.OpenSessionAsync(stop);
        return await ResolveAsync(session, values, stop);
    }

    internal async Task<IReadOnlyList<ShardAnswer>> ResolveAsync(NpgsqlConnection session, IReadOnlyList<object?> values, CancellationToken stop)
    {
        var answers = new ShardAnswer[values.Count];
        var open = new List<int>();
        for (int i = 0; i < values.Count; i++)
        {
            if (TryResolve(values[i]) is { } answer) answers[i] = answer;
            else open.Add(i);
        }
        await AskAsync(session, values, open, answers, stop);
        return answers;
    }

    /// <summary>Asks for all at once; where one of them is refused, which one is found by halving.</summary>
    private async Task AskAsync(NpgsqlConnection session, IReadOnlyList<object?> values, List<int> open, ShardAnswer[] answers, CancellationToken stop)
    {
        if (open.Count == 0) return;
        try
        {
            int[] hashes = await AskHashesAsync(session, open.Select(i => ValueText.Of(values[i])!).ToArray(), stop);
            for (int n = 0; n < open.Count; n++) answers[open[n]] = new(At(values[open[n]], hashes[n]), null);
        }
        catch (PostgresException e) when (e.SqlState is ['2', '2', ..] or ['2', '3', ..])
        {
            if (open.Count == 1)
            {
                answers[open[0]] = new(null, Unconvertible(values[open[0]], e));
                return;
            }
            await AskAsync(session, values, open[..(open.Count / 2)], answers, stop);
            await AskAsync(session, values, open[(open.Count / 2)..], answers, stop);
        }
    }

    private async Task<int[]> AskHashesAsync(NpgsqlConnection session, string[] texts, CancellationToken stop)
    {
        // A cast would cut off what is too long for the type; its input refuses it, as it would refuse the row.
        string value = _column.TypeOid switch
        {
            1043 => "pg_catalog.varcharin(pg_catalog.textout(v), 0, a.atttypmod)",
            1042 => "pg_catalog.bpcharin(pg_catalog.textout(v), 0, a.atttypmod)",
            _ => $"v::{_column.TypeName}",
        };
        await using var command = new NpgsqlCommand($"""
            SELECT pg_catalog.worker_hash({value})
            FROM unnest($1::text[]) WITH ORDINALITY AS u(v, n)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = $2::oid AND a.attname = $3
            ORDER BY n
            """, session)
        {
            Parameters = { new() { Value = texts }, new() { Value = (long)_table.Oid }, new() { Value = _column.Name } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var hashes = new List<int>(texts.Length);
        while (await row.ReadAsync(stop)) hashes.Add(row.GetInt32(0));
        return [.. hashes];
    }

    private ShardLocation At(object? value, int hash)
    {
        ShardRange shard = _shards.Shards[_shards.Find(hash)];
        return new ShardLocation(_table.Display, value, hash, shard.ShardId, shard.ShardName, shard.NodeName, shard.NodePort);
    }

    private CitusException NullValue() => new("CitusNullDistributionValue", CitusErrorKind.InvalidData,
        $"NULL lies in no shard of {_table.Display}: a row without a {_column.Name} is refused.", "Give a value, or leave such rows out.") { Target = _table.Display };

    private CitusException Unconvertible(object? value, PostgresException e) => new("CitusInvalidValue", CitusErrorKind.InvalidData,
        $"'{value}' is no value of {_table.Display}.{_column.Name}, a {_column.TypeName}: {e.MessageText.TrimEnd('.')}.",
        $"Write it as PostgreSQL reads a {_column.TypeName}, or leave it out.", e) { Target = value, SqlState = e.SqlState };
}
