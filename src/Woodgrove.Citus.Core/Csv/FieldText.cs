using System.Text;
using CsvHelper;

namespace Woodgrove.Citus.Csv;

/// <summary>What COPY makes of a field's bytes.</summary>
internal sealed class FieldText(CsvDialect dialect)
{
    private readonly byte _quote = dialect.QuoteByte, _escape = dialect.EscapeByte;
    private byte[] _unquoted = new byte[256];

    public bool IsQuoted(ReadOnlySpan<byte> field) => field.IndexOf(_quote) >= 0;

    /// <summary>The value of a field with quotes in it; it stays until the next call.</summary>
    public ReadOnlySpan<byte> Unquote(ReadOnlySpan<byte> field)
    {
        if (_unquoted.Length < field.Length) _unquoted = new byte[field.Length * 2];
        int length = 0;
        bool inside = false;
        for (int i = 0; i < field.Length; i++)
        {
            byte b = field[i];
            if (inside && b == _escape && i + 1 < field.Length && (field[i + 1] == _quote || field[i + 1] == _escape))
                _unquoted[length++] = field[++i];
            else if (b == _quote) inside = !inside;
            else _unquoted[length++] = b;
        }
        return _unquoted.AsSpan(0, length);
    }

    /// <summary>The value of a field, or null for NULL.</summary>
    public string? Value(ReadOnlySpan<byte> field) => IsQuoted(field) ? Encoding.UTF8.GetString(Unquote(field))
        : Encoding.UTF8.GetString(field) is var text && text == dialect.NullValue ? null : text;

    /// <summary>A field of a record, as text; null where the record has fewer.</summary>
    public static string? Of(byte[] record, int field, CsvDialect dialect)
    {
        using var parser = new CsvParser(new StringReader(Encoding.UTF8.GetString(TrimLineEnd(record))), dialect.ForCsvHelper());
        return parser.Read() && field < parser.Record!.Length ? parser.Record[field] : null;
    }

    public static ReadOnlySpan<byte> TrimLineEnd(ReadOnlySpan<byte> record)
    {
        if (record.EndsWith("\r\n"u8)) return record[..^2];
        return record.Length > 0 && record[^1] is (byte)'\n' or (byte)'\r' ? record[..^1] : record;
    }
}
