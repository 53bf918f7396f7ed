using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Xml;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>
/// Writes objects as records of COPY's CSV, each value as the text that PostgreSQL's own input reads, whatever
/// the session's culture. Text stays as it is, so that the column's type decides what it means. Where the columns'
/// types and the values' texts are plain, it writes the same in COPY's binary format too, which servers read faster.
/// </summary>
internal sealed class RowEncoder
{
    private readonly IReadOnlyList<TableColumn> _columns;
    private readonly string?[] _texts;
    private readonly ColumnForm[] _forms;
    private readonly BinaryValue.Writer?[] _binary;
    private byte[] _value = new byte[1024];

    public RowEncoder(IReadOnlyList<TableColumn> columns)
    {
        (_columns, _texts) = (columns, new string?[columns.Count]);
        _forms = columns.Select(FormOf).ToArray();
        _binary = columns.Select(c => BinaryValue.For(c.TypeOid)).ToArray();
        HasBinary = _binary.All(w => w is not null);
    }

    /// <summary>True where every column's type has a binary form here.</summary>
    public bool HasBinary { get; }

    /// <summary>What a value is written as, where its own type leaves a choice.</summary>
    private enum ColumnForm
    {
        Plain,
        Text,
        Json,
        Array,
        Bits,
        BitArray,
        Vector,
    }

    /// <param name="tuples">Takes the record's binary form; null where it is not wanted.</param>
    /// <exception cref="UnwrittenValueException">A value has no text; nothing of the record is written.</exception>
    /// <returns>False where a value is not plain: then <paramref name="tuples"/> has only a part of the record.</returns>
    public bool Write(IReadOnlyList<object?> values, IBufferWriter<byte> to, IBufferWriter<byte>? tuples)
    {
        for (int i = 0; i < values.Count; i++) _texts[i] = Text(values[i], _columns[i], _forms[i]);
        if (tuples is not null)
        {
            BinaryPrimitives.WriteInt16BigEndian(tuples.GetSpan(2), (short)values.Count);
            tuples.Advance(2);
        }
        for (int i = 0; i < values.Count; i++)
        {
            if (i > 0) to.Write(","u8);
            string? text = _texts[i];
            ReadOnlySpan<byte> value = text is null ? default : Utf8(text);
            if (text is not null) WriteQuoted(value, to);
            if (tuples is not null && !WriteBinary(text is null, value, _binary[i]!, tuples)) tuples = null;
        }
        to.Write("\n"u8);
        return tuples is not null;
    }

    /// <summary>The bytes that the texts and binary values of a row need at least.</summary>
    public static long LengthOf(IReadOnlyList<object?> values)
    {
        long length = 0;
        foreach (object? value in values) length += value switch { string text => text.Length, byte[] bytes => 2L * bytes.Length, _ => 0 };
        return length;
    }

    /// <summary>Whether a value is NULL in a column.</summary>
    public bool IsNull(object? value, int column) => IsNull(value, _columns[column]);

    private static bool IsNull([NotNullWhen(false)] object? value, TableColumn column) =>
        value is null or DBNull || (value is string { Length: 0 } && !column.HasEmptyText);

    private static bool WriteBinary(bool isNull, ReadOnlySpan<byte> value, BinaryValue.Writer write, IBufferWriter<byte> to)
    {
        Span<byte> field = to.GetSpan(4 + value.Length + BinaryValue.MostAdded);
        int length = isNull ? 0 : write(value, field[4..]);
        if (length < 0) return false;
        BinaryPrimitives.WriteInt32BigEndian(field, isNull ? -1 : length);
        to.Advance(4 + length);
        return true;
    }

    private ReadOnlySpan<byte> Utf8(string text)
    {
        // The most it can be is quicker to know, but three times what it mostly is.
        int most = text.Length < 64 * 1024 ? Encoding.UTF8.GetMaxByteCount(text.Length) : Encoding.UTF8.GetByteCount(text);
        if (_value.Length < most) _value = new byte[most];
        return _value.AsSpan(0, Encoding.UTF8.GetBytes(text, _value));
    }

    private static string? Text(object? value, TableColumn column, ColumnForm form)
    {
        if (IsNull(value, column)) return null;
        if (value is string known) return known;
        try
        {
            return Text(value, form);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // An object's own properties are asked for, and may fail in any way.
            throw new UnwrittenValueException(column.Name,
                $"a value of type {value.GetType().Name} can't be written as {column.TypeName}: {e.Message}", e);
        }
    }

    private static string? Text(object value, ColumnForm form) => value switch
    {
        XmlNode xml => form == ColumnForm.Json ? JsonSerializer.Serialize(xml.OuterXml) : xml.OuterXml,
        _ when form == ColumnForm.Json => JsonSerializer.Serialize(value, value.GetType()),
        bool bit when form == ColumnForm.Bits => ValueText.Bit(bit).ToString(),
        IEnumerable list when !ValueText.IsOne(list) && form != ColumnForm.Plain => form switch
        {
            ColumnForm.Array => ValueText.OfArray(list),
            ColumnForm.Bits => string.Concat(list.Cast<bool>().Select(ValueText.Bit)),
            ColumnForm.BitArray => ValueText.OfArray(AsBits(list)),
            ColumnForm.Vector => string.Join(' ', list.Cast<object>().Select(ValueText.Of)),
            _ => JsonSerializer.Serialize(value, value.GetType()),
        },
        _ => ValueText.Of(value),
    };

    private static IEnumerable<object?> AsBits(IEnumerable list) => list.Cast<object?>().Select(item => item switch
    {
        bool bit => ValueText.Bit(bit).ToString(),
        IEnumerable inner when !ValueText.IsOne(inner) => AsBits(inner),
        _ => item,
    });

    /// <summary>One value as a field of COPY's CSV.</summary>
    /// <exception cref="UnwrittenValueException">The value has no text.</exception>
    public static byte[] Encode(object? value, TableColumn column)
    {
        var bytes = new ArrayBufferWriter<byte>();
        if (Text(value, column, FormOf(column)) is { } text) WriteQuoted(text, bytes);
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
        column.TypeOid is PgType.BitArray or PgType.VarbitArray ? ColumnForm.BitArray
        : column.TypeName.EndsWith("[]", StringComparison.Ordinal) ? ColumnForm.Array
        : column.TypeName is "json" or "jsonb" ? ColumnForm.Json
        : column.TypeOid is PgType.Bit or PgType.Varbit ? ColumnForm.Bits
        : column.TypeName is "oidvector" or "int2vector" ? ColumnForm.Vector
        : column.TypeOid is PgType.Text or PgType.Varchar or PgType.Bpchar or PgType.QuotedChar or PgType.Name ? ColumnForm.Text
        : ColumnForm.Plain;
}
