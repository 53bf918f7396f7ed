using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Catalog;

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

    internal ShardMap Shards => _shards;

    /// <summary>True where every value must be put to the server.</summary>
    public bool AsksServer => _hasher is null;

    /// <exception cref="CitusException">The table has no distribution column.</exception>
    public static async Task<ShardResolver> OpenAsync(CitusConnection connection, string table, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        return await OpenAsync(session, await TableCatalog.FindAsync(connection, session, TableName.Parse(table), stop), stop, connection);
    }

    internal static async Task<ShardResolver> OpenAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop,
        CitusConnection? connection = null)
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

    internal async Task<IReadOnlyList<ShardAnswer>> ResolveAsync(NpgsqlConnection session, IReadOnlyList<object?> values,
        CancellationToken stop)
    {
        var answers = new ShardAnswer[values.Count];
        var open = new List<int>();
        for (int i = 0; i < values.Count; i++)
        {
            if (TryResolve(values[i]) is { } answer) answers[i] = answer;
            else open.Add(i);
        }
        ValueReply[] replies = await new ValueQuestion(session, _column).HashesAsync(open.Select(i => ValueText.Of(values[i])!).ToArray(),
            stop);
        foreach ((int i, ValueReply reply) in open.Zip(replies))
            answers[i] = reply.Refusal is { } refusal ? new(null, Unconvertible(values[i], refusal))
                : new(At(values[i], reply.Number), null);
        return answers;
    }

    private ShardLocation At(object? value, int hash)
    {
        ShardRange shard = _shards.Shards[_shards.Find(hash)];
        return new ShardLocation(_table.Display, value, hash, shard.ShardId, shard.ShardName, shard.NodeName, shard.NodePort);
    }

    private CitusException NullValue() => new("CitusNullDistributionValue", CitusErrorKind.InvalidData,
        $"NULL has no shard in {_table.Display}: a row without a {_column.Name} is refused.", "Give a value, or leave such rows out.")
            { Target = _table.Display };

    private CitusException Unconvertible(object? value, PostgresException e) => new("CitusInvalidValue", CitusErrorKind.InvalidData,
        $"'{value}' is not a value of {_table.Display}.{_column.Name}, which is of type {_column.TypeName}: {e.MessageText.TrimEnd('.')}.",
        $"Write it as PostgreSQL reads the type, or leave it out.", e) { Target = value, SqlState = e.SqlState };
}
