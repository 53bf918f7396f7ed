using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>
/// Writes objects as records of COPY's CSV, each value as the text that PostgreSQL's own input reads, whatever
/// the session's culture. Text stays as it is, so that the column's type decides what it means.
/// </summary>
internal sealed class RowEncoder
{
    private readonly ColumnForm[] _forms;

    public RowEncoder(IReadOnlyList<TableColumn> columns) => _forms = columns.Select(FormOf).ToArray();

    /// <summary>What a value is written as, where its own type leaves a choice.</summary>
    private enum ColumnForm
    {
        Plain,
        Text,
        Json,
        Array,
    }

    public void Write(IReadOnlyList<object?> values, IBufferWriter<byte> to)
    {
        for (int i = 0; i < values.Count; i++)
        {
            if (i > 0) to.Write(","u8);
            if (Text(values[i], _forms[i]) is { } text) WriteQuoted(text, to);
        }
        to.Write("\n"u8);
    }

    /// <summary>The text of a value, or null for NULL.</summary>
    private static string? Text(object? value, ColumnForm form) => value switch
    {
        null or DBNull => null,
        // An empty text is a value of a text column; in any other it can only mean that there is none.
        string { Length: 0 } => form == ColumnForm.Text ? "" : null,
        string text => text,
        _ when form == ColumnForm.Json => JsonSerializer.Serialize(value, value.GetType()),
        IEnumerable list and not byte[] when form == ColumnForm.Array => ArrayText(list),
        bool flag => flag ? "true" : "false",
        byte[] bytes => "\\x" + Convert.ToHexString(bytes),
        DateTime { Kind: DateTimeKind.Unspecified } time => time.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture),
        DateTime time => time.ToString("yyyy-MM-dd HH:mm:ss.ffffffzzz", CultureInfo.InvariantCulture),
        DateTimeOffset time => time.ToString("yyyy-MM-dd HH:mm:ss.ffffffzzz", CultureInfo.InvariantCulture),
        DateOnly or TimeOnly => ((IFormattable)value).ToString("O", CultureInfo.InvariantCulture),
        TimeSpan span => span.ToString("c", CultureInfo.InvariantCulture).Replace('.', ' '),
        double or float => ((IFormattable)value).ToString("R", CultureInfo.InvariantCulture).Replace("∞", "Infinity", StringComparison.Ordinal),
        Enum name => name.ToString(),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        IEnumerable list => ArrayText(list),
        _ => value.ToString(),
    };

    private static string ArrayText(IEnumerable list)
    {
        var text = new StringBuilder("{");
        foreach (object? item in list)
        {
            if (text.Length > 1) text.Append(',');
            if (item is IEnumerable inner and not string and not byte[]) text.Append(ArrayText(inner));
            else if (Text(item, ColumnForm.Text) is { } element)
                text.Append('"').Append(element.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
            else text.Append("NULL");
        }
        return text.Append('}').ToString();
    }

    /// <summary>One value as a field of COPY's CSV.</summary>
    public static byte[] Encode(object? value, TableColumn column)
    {
        var bytes = new ArrayBufferWriter<byte>();
        if (Text(value, FormOf(column)) is { } text) WriteQuoted(text, bytes);
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>A value that is UTF-8 already.</summary>
    public static void WriteQuoted(ReadOnlySpan<byte> value, IBufferWriter<byte> to)
    {
        to.Write("\""u8);
        for (int quote; (quote = value.IndexOf((byte)'"')) >= 0; value = value[(quote + 1)..])
        {
            to.Write(value[..(quote + 1)]);
            to.Write("\""u8);
        }
        to.Write(value);
        to.Write("\""u8);
    }

    public static void WriteQuoted(string text, IBufferWriter<byte> to)
    {
        // Quoted always: an unquoted empty field would be NULL, and quoting costs less than looking.
        int longest = Encoding.UTF8.GetMaxByteCount(text.Length) + 2;
        if (text.Contains('"', StringComparison.Ordinal)) text = text.Replace("\"", "\"\"", StringComparison.Ordinal);
        Span<byte> span = to.GetSpan(Math.Max(longest, Encoding.UTF8.GetMaxByteCount(text.Length) + 2));
        span[0] = (byte)'"';
        int length = Encoding.UTF8.GetBytes(text, span[1..]);
        span[length + 1] = (byte)'"';
        to.Advance(length + 2);
    }

    private static ColumnForm FormOf(TableColumn column) =>
        column.TypeName.EndsWith("[]", StringComparison.Ordinal) ? ColumnForm.Array
        : column.TypeName is "json" or "jsonb" ? ColumnForm.Json
        : column.TypeOid is 25 or 1043 or 1042 or 18 or 19 ? ColumnForm.Text
        : ColumnForm.Plain;
}
