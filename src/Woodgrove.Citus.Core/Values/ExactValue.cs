using System.Buffers.Binary;
using Npgsql;
using Npgsql.PostgresTypes;
using NpgsqlTypes;

namespace Woodgrove.Citus.Values;

/// <summary>
/// Values between PostgreSQL and .NET, exactly or not at all. Npgsql reads infinity as the last moment that .NET knows, writes
/// .NET's first and last moments as -infinity and infinity, lets times beyond .NET's range overflow, and leaves out the lower
/// bounds of arrays and the prefixes of networks.
/// </summary>
internal static class ExactValue
{
    private const long FirstMicrosecond = -63_082_281_600_000_000, LastMicrosecond = 252_455_615_999_999_999; // since 2000-01-01
    private const int FirstDay = -730_119, LastDay = 2_921_939;
    private static readonly long Epoch = new DateTime(2000, 1, 1).Ticks;

    /// <summary>Reads a value that is not NULL.</summary>
    /// <exception cref="OverflowException">No .NET value is the same.</exception>
    public delegate object Reader(NpgsqlDataReader reader, int column);

    /// <summary>The reader for a column, or null where Npgsql's own is exact.</summary>
    public static Reader? For(NpgsqlDataReader reader, int column)
    {
        if (reader.GetFieldType(column) == typeof(string)) return null; // it is sent as text
        PostgresType type = reader.GetPostgresType(column);
        while (type is PostgresDomainType domain) type = domain.BaseType;
        return type switch
        {
            PostgresArrayType { Element: PostgresRangeType range } => Bounded(Ranges(range)),
            PostgresArrayType array => Bounded(Arrays(array.Element)),
            PostgresMultirangeType multirange => Ranges(multirange.Subrange),
            PostgresRangeType range => Range(range),
            _ => Scalar(type),
        };
    }

    /// <summary>A parameter that is the same in PostgreSQL, or null where Npgsql's own is.</summary>
    public static NpgsqlParameter? Parameter(string name, object? value) => value switch
    {
        DateTime time when IsEdge(time) => new NpgsqlParameter(name, DbType(time)) { Value = Microseconds(time) },
        DateOnly day when IsEdge(day) => new NpgsqlParameter(name, NpgsqlDbType.Date) { Value = Days(day) },
        DateTime[] times when times.Any(IsEdge) =>
            new NpgsqlParameter(name, NpgsqlDbType.Array | DbType(times[0])) { Value = Array.ConvertAll(times, Microseconds) },
        DateTime?[] times when times.Any(t => t is { } time && IsEdge(time)) =>
            new NpgsqlParameter(name, NpgsqlDbType.Array | DbType(times.OfType<DateTime>().First()))
                { Value = Array.ConvertAll(times, t => t is { } time ? Microseconds(time) : (long?)null) },
        DateOnly[] days when days.Any(IsEdge) =>
            new NpgsqlParameter(name, NpgsqlDbType.Array | NpgsqlDbType.Date) { Value = Array.ConvertAll(days, Days) },
        DateOnly?[] days when days.Any(d => d is { } day && IsEdge(day)) =>
            new NpgsqlParameter(name, NpgsqlDbType.Array | NpgsqlDbType.Date)
                { Value = Array.ConvertAll(days, d => d is { } day ? Days(day) : (int?)null) },
        _ => null,
    };

    private static bool IsEdge(DateTime time) => time == DateTime.MinValue || time == DateTime.MaxValue;
    private static bool IsEdge(DateOnly day) => day == DateOnly.MinValue || day == DateOnly.MaxValue;
    private static NpgsqlDbType DbType(DateTime time) => time.Kind == DateTimeKind.Utc ? NpgsqlDbType.TimestampTz : NpgsqlDbType.Timestamp;
    private static long Microseconds(DateTime time) => (long)Math.Floor((time.Ticks - Epoch) / 10m);
    private static int Days(DateOnly day) => day.DayNumber + FirstDay;

    private static Reader? Scalar(PostgresType type) => type.Name switch
    {
        "timestamp without time zone" => (reader, i) => Time(reader.GetFieldValue<long>(i), DateTimeKind.Unspecified),
        "timestamp with time zone" => (reader, i) => Time(reader.GetFieldValue<long>(i), DateTimeKind.Utc),
        "date" => (reader, i) => Checked(reader.GetFieldValue<int>(i), reader.GetValue(i)),
        "interval" => (reader, i) => Span(reader.GetFieldValue<NpgsqlInterval>(i)),
        "time with time zone" => (reader, i) => ClockTime(reader.GetFieldValue<DateTimeOffset>(i)),
        // An IPAddress has no room for the length of a network's prefix.
        "inet" => (reader, i) => reader.GetFieldValue<NpgsqlInet>(i) is var inet && HasPrefix(inet) ? inet.ToString() : reader.GetValue(i),
        _ => null,
    };

    private static bool HasPrefix(NpgsqlInet inet) => inet.ToString().Contains('/', StringComparison.Ordinal);

    /// <summary>An array of .NET begins at zero; PostgreSQL's at one, unless it says otherwise.</summary>
    private static Reader Bounded(Reader? read) => (reader, i) =>
    {
        using (Stream bytes = reader.GetStream(i))
        {
            // The number of dimensions, whether there are NULLs, the elements' type; then each dimension's length and lower bound.
            Span<byte> header = stackalloc byte[12], dimension = stackalloc byte[8];
            bytes.ReadExactly(header);
            for (int left = BinaryPrimitives.ReadInt32BigEndian(header); left > 0; left--)
            {
                bytes.ReadExactly(dimension);
                Check(BinaryPrimitives.ReadInt32BigEndian(dimension[4..]) == 1);
            }
        }
        return read is null ? reader.GetValue(i) : read(reader, i);
    };

    private static Reader? Arrays(PostgresType element) => element.Name switch
    {
        "timestamp without time zone" or "timestamp with time zone" => Arrays<long>(v => Check(v)),
        "date" => Arrays<int>(v => Check(v)),
        "interval" => Arrays<NpgsqlInterval>(v => Span(v)),
        "time with time zone" => Arrays<DateTimeOffset>(v => ClockTime(v)),
        "inet" => Arrays<NpgsqlInet>(v => Check(!HasPrefix(v))),
        _ => null,
    };

    private static Reader Arrays<T>(Action<T> check)
        where T : struct => (reader, i) =>
    {
        var value = (Array)reader.GetValue(i);
        Array raw = value.Rank switch
        {
            1 => reader.GetFieldValue<T?[]>(i),
            2 => reader.GetFieldValue<T?[,]>(i),
            3 => reader.GetFieldValue<T?[,,]>(i),
            _ => throw new OverflowException("The array has more than three dimensions."),
        };
        foreach (object? item in raw)
            if (item is T known) check(known);
        return value;
    };

    private static Reader? Range(PostgresRangeType range) => range.Subtype.Name switch
    {
        "timestamp without time zone" or "timestamp with time zone" =>
            (reader, i) => { Check(reader.GetFieldValue<NpgsqlRange<long>>(i)); return reader.GetValue(i); },
        "date" => (reader, i) => { Check(reader.GetFieldValue<NpgsqlRange<int>>(i)); return reader.GetValue(i); },
        _ => null,
    };

    private static Reader? Ranges(PostgresRangeType range) => range.Subtype.Name switch
    {
        "timestamp without time zone" or "timestamp with time zone" =>
            (reader, i) => { Array.ForEach(reader.GetFieldValue<NpgsqlRange<long>[]>(i), Check); return reader.GetValue(i); },
        "date" => (reader, i) => { Array.ForEach(reader.GetFieldValue<NpgsqlRange<int>[]>(i), Check); return reader.GetValue(i); },
        _ => null,
    };

    private static DateTime Time(long microseconds, DateTimeKind kind)
    {
        Check(microseconds);
        return new DateTime(Epoch + microseconds * 10, kind);
    }

    /// <summary>Hours and days of a TimeSpan are one length; of months nobody knows how long they are.</summary>
    private static TimeSpan Span(NpgsqlInterval interval) => interval.Months != 0 ? throw new OverflowException("The interval has months.")
        : new TimeSpan(checked(interval.Days * TimeSpan.TicksPerDay + interval.Time * 10));

    /// <summary>Npgsql puts a time on the second day of .NET's calendar, and so 24:00 on the third.</summary>
    private static object ClockTime(DateTimeOffset time)
    {
        Check(time.Day == 2);
        return time;
    }

    private static object Checked(int days, object value)
    {
        Check(days);
        return value;
    }

    private static void Check(long microseconds) => Check(microseconds is >= FirstMicrosecond and <= LastMicrosecond);

    private static void Check(int days) => Check(days is >= FirstDay and <= LastDay);

    private static void Check(NpgsqlRange<long> range)
    {
        if (!range.IsEmpty && !range.LowerBoundInfinite) Check(range.LowerBound);
        if (!range.IsEmpty && !range.UpperBoundInfinite) Check(range.UpperBound);
    }

    private static void Check(NpgsqlRange<int> range)
    {
        if (!range.IsEmpty && !range.LowerBoundInfinite) Check(range.LowerBound);
        if (!range.IsEmpty && !range.UpperBoundInfinite) Check(range.UpperBound);
    }

    private static void Check(bool isHeld)
    {
        if (!isHeld) throw new OverflowException("The value is beyond .NET's range.");
    }
}
