using System.Collections;
using System.Globalization;
using System.Net.NetworkInformation;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Queries;

/// <summary>Hands a user's settings and parameters to the server, for every command that takes a query.</summary>
internal static class QueryArguments
{
    /// <summary>Applies settings for the session, which the pool resets before anyone else has it.</summary>
    public static async Task ApplySettingsAsync(NpgsqlConnection session, IDictionary? settings, CancellationToken stop)
    {
        if (settings is not { Count: > 0 }) return;
        await using var batch = new NpgsqlBatch(session);
        foreach (DictionaryEntry setting in settings)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT pg_catalog.set_config($1, $2, false)")
            {
                Parameters = { new() { Value = setting.Key.ToString() }, new() { Value = SettingText(setting.Value) } },
            });
        }
        await batch.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Adds values by name, for <c>@name</c> in the SQL.</summary>
    public static void AddParameters(NpgsqlParameterCollection target, IDictionary? values)
    {
        foreach (DictionaryEntry entry in values ?? new Hashtable())
            target.Add(Parameter(Convert.ToString(entry.Key, CultureInfo.InvariantCulture)!, entry.Value));
    }

    /// <summary>A setting as the server writes it.</summary>
    public static string SettingText(object? value) => value switch
    {
        bool flag => flag ? "on" : "off",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static NpgsqlParameter Parameter(string name, object? value) => value switch
    {
        // A local time is an instant; Npgsql would send the digits of its clock, which the session's TimeZone reads otherwise.
        DateTime { Kind: DateTimeKind.Local } local => Parameter(name, local.ToUniversalTime()),
        object[] list when Array.Exists(list, v => v is DateTime { Kind: DateTimeKind.Local }) =>
            Parameter(name, Array.ConvertAll(list, v => v is DateTime { Kind: DateTimeKind.Local } local ? local.ToUniversalTime() : v)),
        // The first and the last moments of .NET would be sent as -infinity and infinity.
        _ when ExactValue.Parameter(name, value) is { } moment => moment,
        null => new NpgsqlParameter(name, DBNull.Value),
        // Untyped, so that '5' compares with a bigint and a JSON text goes into a jsonb, as in psql.
        string text => new NpgsqlParameter(name, NpgsqlDbType.Unknown) { Value = text },
        IDictionary map => new NpgsqlParameter(name, NpgsqlDbType.Unknown) { Value = JsonSerializer.Serialize(map, map.GetType()) },
        char or Enum => new NpgsqlParameter(name, NpgsqlDbType.Unknown) { Value = ValueText.Of(value) },
        // PostgreSQL has no unsigned types.
        ushort or uint => new NpgsqlParameter(name, Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        ulong number => new NpgsqlParameter(name, (decimal)number),
        Guid or byte[] => new NpgsqlParameter(name, value),
        // Npgsql takes the first for lists of bytes, sends the next with no type, and ranges of times as if they had no zone.
        PhysicalAddress or NpgsqlTid or NpgsqlLogSequenceNumber or NpgsqlRange<DateTime> or NpgsqlRange<DateOnly>
            or NpgsqlRange<DateTime>[] or NpgsqlRange<DateOnly>[] =>
            new NpgsqlParameter(name, NpgsqlDbType.Unknown) { Value = ValueText.Of(value) },
        // PostgreSQL 18 refuses the binary form of an empty tsquery.
        NpgsqlTsQueryEmpty => new NpgsqlParameter(name, NpgsqlDbType.Unknown) { Value = "" },
        // A time of day with a zone, as Npgsql reads it, on the second day of .NET's calendar: no instant.
        DateTimeOffset { Year: 1, Month: 1, Day: 2 } => new NpgsqlParameter(name, NpgsqlDbType.Unknown) { Value = ValueText.Of(value) },
        // A DateTime's kind says whether it is an instant; Npgsql reads it so.
        DateTimeOffset moment => Parameter(name, moment.UtcDateTime),
        // Of an empty list nothing tells the type, so it takes that of what it is compared with.
        object[] list when list.All(v => v is null) => new NpgsqlParameter(name, NpgsqlDbType.Unknown) { Value = ValueText.OfArray(list) },
        object[] list => Typed(list) is var typed && ExactValue.Parameter(name, typed) is { } moments ? moments
            : new NpgsqlParameter(name, typed),
        _ => new NpgsqlParameter(name, value),
    };

    /// <summary>PowerShell's arrays are object[]; PostgreSQL's have an element type.</summary>
    private static Array Typed(object?[] list)
    {
        Type[] types = list.OfType<object>().Select(v => v.GetType()).Distinct().ToArray();
        // PowerShell writes 1 as an int and 5000000000 as a long: numbers take the widest type among them.
        Type common = types.Length == 1
            ? types[0] : Array.Find(Widest, w => types.Contains(w) && types.All(t => Array.IndexOf(Widest, t) >= 0)) ?? typeof(string);
        Type element = common.IsValueType && list.Contains(null) ? typeof(Nullable<>).MakeGenericType(common) : common;
        var typed = Array.CreateInstance(element, list.Length);
        for (int i = 0; i < list.Length; i++)
            typed.SetValue(types.Length == 1 || list[i] is null
                ? list[i] : Convert.ChangeType(list[i], common, CultureInfo.InvariantCulture), i);
        return typed;
    }

    private static readonly Type[] Widest = [typeof(double), typeof(decimal), typeof(long), typeof(int), typeof(short)];
}
