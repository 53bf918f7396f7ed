using System.Data;
using Npgsql;
using NpgsqlTypes;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// Statements in a session: executed, asked for one value, or read as a list. Values are those of $1, $2, …; an OID is a
/// <see cref="uint"/>, and a null needs a type in the SQL ($1::text).
/// </summary>
internal static class SessionCommands
{
    /// <summary>Runs SQL whose rows nobody reads.</summary>
    /// <returns>How many rows it changed.</returns>
    public static async Task<int> ExecuteAsync(this NpgsqlConnection session, string sql, CancellationToken stop, params object?[] values)
    {
        await using NpgsqlCommand command = Command(session, sql, values);
        return await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>The first value; that of default where it is NULL or there is no row.</summary>
    public static async Task<T?> ScalarAsync<T>(this NpgsqlConnection session, string sql, CancellationToken stop, params object?[] values)
    {
        await using NpgsqlCommand command = Command(session, sql, values);
        return await command.ExecuteScalarAsync(stop) is { } value and not DBNull ? (T)value : default;
    }

    /// <summary>All rows, each as <paramref name="read"/> makes of it.</summary>
    public static async Task<List<T>> ListAsync<T>(this NpgsqlConnection session, string sql, Func<NpgsqlDataReader, T> read,
        CancellationToken stop, params object?[] values)
    {
        var rows = new List<T>();
        await session.ForEachAsync(sql, row => rows.Add(read(row)), stop, values);
        return rows;
    }

    /// <summary>Reads all rows, and keeps none.</summary>
    public static async Task ForEachAsync(this NpgsqlConnection session, string sql, Action<NpgsqlDataReader> read,
        CancellationToken stop, params object?[] values)
    {
        await using NpgsqlCommand command = Command(session, sql, values);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop)) read(row);
    }

    /// <summary>The first row, as <paramref name="read"/> makes of it; default where there is none.</summary>
    public static async Task<T?> FirstAsync<T>(this NpgsqlConnection session, string sql, Func<NpgsqlDataReader, T> read,
        CancellationToken stop, params object?[] values)
    {
        await using NpgsqlCommand command = Command(session, sql, values);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        return await row.ReadAsync(stop) ? read(row) : default;
    }

    /// <summary>A column's text, or null.</summary>
    public static string? TextOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    /// <summary>The session, unless an earlier command has lost its connection.</summary>
    /// <exception cref="NpgsqlException">The connection is lost, a failure that is retried. Npgsql itself would throw an
    /// <see cref="InvalidOperationException"/>, which looks like a fault of the program.</exception>
    public static NpgsqlConnection Alive(this NpgsqlConnection session) => session.State == ConnectionState.Open ? session
        : throw new NpgsqlException("The connection is lost.", new EndOfStreamException("An earlier command lost the connection."));

    private static NpgsqlCommand Command(NpgsqlConnection session, string sql, object?[] values)
    {
        var command = new NpgsqlCommand(sql, session.Alive());
        // An array of strings is one value, though it would do as the array of values.
        if (values.GetType() != typeof(object[])) values = [values];
        foreach (object? value in values) command.Parameters.Add(Parameter(value));
        return command;
    }

    private static NpgsqlParameter Parameter(object? value) => value switch
    {
        null => new() { Value = DBNull.Value },
        uint => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Oid },
        // Asked by the type itself: to the runtime an int[] is a uint[] too.
        Array when value.GetType() == typeof(uint[]) => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid },
        NpgsqlParameter parameter => parameter,
        _ => new() { Value = value },
    };
}
