using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Export;

/// <summary>
/// Puts an apostrophe before values that a spreadsheet would run as a formula: those that begin with =, +, -, @, a tab or a
/// carriage return, as OWASP describes ("CSV Injection"). Numbers and NULL stay as they are.
/// </summary>
internal sealed class FormulaEscape
{
    private readonly byte _delimiter, _quote, _escape;
    private readonly byte[] _null;

    public FormulaEscape(CsvDialect dialect)
    {
        if (dialect.Quote == '\'' || dialect.Delimiter == '\'') throw ExportErrors.ApostropheIsTaken();
        (_delimiter, _quote, _escape, _null) = ((byte)dialect.Delimiter, dialect.QuoteByte, dialect.EscapeByte,
            Encoding.UTF8.GetBytes(dialect.NullValue));
    }

    /// <summary>Whole records with their values escaped; the same memory where none needs it.</summary>
    public ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> records)
    {
        ReadOnlySpan<byte> bytes = records.Span;
        ArrayBufferWriter<byte>? escaped = null;
        int copied = 0;
        for (int i = 0; i < bytes.Length; i++) // over the delimiter, or the line end
        {
            bool isQuoted = bytes[i] == _quote;
            int start = isQuoted ? i + 1 : i;
            i = isQuoted ? ClosingQuote(bytes, start) : UnquotedEnd(bytes, start);
            if (IsFormula(bytes[start..i], isQuoted))
            {
                escaped ??= new ArrayBufferWriter<byte>(bytes.Length + 1024);
                escaped.Write(bytes[copied..start]);
                escaped.Write("'"u8);
                copied = start;
            }
            if (isQuoted) i++;
        }
        if (escaped is null) return records;
        escaped.Write(bytes[copied..]);
        return escaped.WrittenMemory;
    }

    private int ClosingQuote(ReadOnlySpan<byte> bytes, int i)
    {
        while (i < bytes.Length)
        {
            if (bytes[i] == _escape && i + 1 < bytes.Length && (bytes[i + 1] == _quote || (bytes[i + 1] == _escape && _escape != _quote)))
                i += 2;
            else if (bytes[i] == _quote) break;
            else i++;
        }
        return i;
    }

    private int UnquotedEnd(ReadOnlySpan<byte> bytes, int i)
    {
        int length = bytes[i..].IndexOfAny(_delimiter, (byte)'\n');
        return length < 0 ? bytes.Length : i + length;
    }

    private bool IsFormula(ReadOnlySpan<byte> value, bool isQuoted) => value.Length > 0 && value[0] switch
    {
        (byte)'=' or (byte)'@' or (byte)'\t' or (byte)'\r' => isQuoted || !value.SequenceEqual(_null),
        (byte)'+' or (byte)'-' => !IsNumber(value) && (isQuoted || !value.SequenceEqual(_null)),
        _ => false,
    };

    private static bool IsNumber(ReadOnlySpan<byte> value) => value.SequenceEqual("-Infinity"u8)
        || (value.Length > 1 && value[^1] is (>= (byte)'0' and <= (byte)'9') && Utf8Parser.TryParse(value, out double _, out int used)
            && used == value.Length);
}
