using System.Buffers;
using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>
/// Rewrites records that can't be sent as they are: fields left out or added, numbers and times of a culture.
/// It splits them as COPY does, and keeps the difference between an empty text and NULL, which CsvHelper's reader does not.
/// </summary>
internal sealed class RecordConverter(CsvSource source, CsvDialect dialect, int fieldCount, IReadOnlyList<BoundColumn> columns,
    CsvShape shape)
{
    /// <summary>How the converted records are written.</summary>
    public static CsvDialect Dialect { get; } = new() { HasHeader = false };

    private readonly NullTexts _null = new(dialect);
    private readonly bool[] _forcesNull = columns.Select(c => !c.IsLine && shape.ForcesNull(c.Column.Name)).ToArray();
    private readonly FieldText _text = new(dialect);
    private readonly ValueConverter?[] _converters = columns.Select(c => c.Field is null ? null : ValueConverter.For(c.Column, shape))
        .ToArray();
    private readonly byte[]?[] _static = columns.Select(c => c.Field is null ? RowEncoder.Encode(c.Value, c.Column) : null).ToArray();
    private readonly ArrayBufferWriter<byte> _bytes = new(256 * 1024);
    private readonly (int From, int To)[] _fields = new (int, int)[fieldCount];

    /// <summary>The converter that a file needs, or null where its records go as they stand.</summary>
    public static RecordConverter? For(CsvSource source, CsvDialect dialect, int fieldCount, IReadOnlyList<BoundColumn> columns,
        CsvShape shape) =>
        columns.Count == fieldCount && dialect.OtherNullValues.Count + shape.ForceNull.Count == 0
            && columns.All(c => c.Field is not null && ValueConverter.For(c.Column, shape) is null) ? null
        : new RecordConverter(source, dialect, fieldCount, columns, shape);

    /// <summary>The records between two offsets of a block; the result stays until the next call.</summary>
    /// <param name="refused">Receives each record that can't be converted; it is left out.</param>
    public RecordBlock Convert(RecordBlock block, int from, int to, Action<UnconvertedRecord> refused)
    {
        _bytes.ResetWrittenCount();
        var sources = new List<RecordBounds>();
        var made = new List<RecordBounds>();
        var origins = new List<(int From, int To)>();
        block.BoundsOf(from, to, sources);
        int start = from;
        foreach (RecordBounds record in sources)
        {
            int written = _bytes.WrittenCount;
            if (TryConvert(block, start, record, out RefusedRow? problem))
            {
                made.Add(new RecordBounds(_bytes.WrittenCount, record.Line));
                origins.Add((start, record.End));
            }
            else
            {
                // What was written of it is written over.
                Truncate(written);
                refused(new UnconvertedRecord(block.Block[start..record.End], problem! with { Line = record.Line }));
            }
            start = record.End;
        }
        return new RewrittenBlock(_bytes.WrittenMemory, made, Dialect, (byte)'\n',
            (record, column) => SourceText(block, origins[record], column));
    }

    private string? SourceText(RecordBlock block, (int From, int To) record, int column)
    {
        if (columns[column].Field is not { } field) return null;
        block.SplitFields(record.From, record.To, _fields);
        ReadOnlySpan<byte> text = block.Block.Span[_fields[field].From.._fields[field].To];
        return Encoding.UTF8.GetString(_text.IsQuoted(text) ? _text.Unquote(text) : text);
    }

    private void Truncate(int length)
    {
        ReadOnlySpan<byte> kept = _bytes.WrittenSpan[..length].ToArray();
        _bytes.ResetWrittenCount();
        _bytes.Write(kept);
    }

    private bool TryConvert(RecordBlock block, int start, RecordBounds record, out RefusedRow? problem)
    {
        ReadOnlySpan<byte> bytes = block.Block.Span;
        int count = block.SplitFields(start, record.End, _fields);
        if (count != fieldCount)
        {
            problem = new RefusedRow(source.Name, null, null, null, "22P04",
                $"the record has {count} field(s), the file's first has {fieldCount}");
            return false;
        }
        for (int i = 0; i < columns.Count; i++)
        {
            if (i > 0) _bytes.Write(","u8);
            if (columns[i].IsLine) WriteLine(record.Line);
            else if (columns[i].Field is not { } field) _bytes.Write(_static[i]);
            else if (!TryWrite(bytes[_fields[field].From.._fields[field].To], i, out problem)) return false;
        }
        _bytes.Write("\n"u8);
        problem = null;
        return true;
    }

    private void WriteLine(long line)
    {
        line.TryFormat(_bytes.GetSpan(20), out int digits, default, System.Globalization.CultureInfo.InvariantCulture);
        _bytes.Advance(digits);
    }

    private bool TryWrite(ReadOnlySpan<byte> field, int column, out RefusedRow? problem)
    {
        problem = null;
        bool quoted = _text.IsQuoted(field);
        ReadOnlySpan<byte> value = quoted ? _text.Unquote(field) : field;
        if ((!quoted || _forcesNull[column]) && _null.Contain(value)) return true; // NULL is an empty field without quotes
        if (_converters[column] is not { } converter)
        {
            RowEncoder.WriteQuoted(value, _bytes);
            return true;
        }
        string text = Encoding.UTF8.GetString(value);
        try
        {
            RowEncoder.WriteQuoted(converter.Convert(text), _bytes);
            return true;
        }
        catch (FormatException e)
        {
            string type = columns[column].Column.TypeName;
            problem = new RefusedRow(source.Name, null, columns[column].Column.Name, text,
                type is "date" || type.StartsWith("time", StringComparison.Ordinal) ? "22007" : "22P02",
                $"\"{text}\" {e.Message} as {type}");
            return false;
        }
    }
}
