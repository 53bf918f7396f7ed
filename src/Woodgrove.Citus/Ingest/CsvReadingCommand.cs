using System.Management.Automation;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Ingest;

/// <summary>A cmdlet that reads CSV: what else there is to a file that was written elsewhere.</summary>
public abstract class CsvReadingCommand : CsvFormatCommand
{
    /// <summary>The unquoted texts that stand for NULL; the empty one by default.</summary>
    [Parameter]
    [AllowEmptyString]
    [ValidateCount(1, 100)]
    public string[] NullValue { get; set; } = [""];

    /// <summary>Lines above the header, or above the first row, that are left out, such as titles.</summary>
    [Parameter]
    [ValidateRange(0, 1_000_000)]
    public int SkipLines { get; set; }

    /// <summary>The longest record, in bytes of UTF-8: what is longer is taken for a quote that is never closed.</summary>
    [Parameter]
    [ValidateRange(256 * 1024, 1024 * 1024 * 1024 - 1)]
    public int MaxRecordSize { get; set; } = new CsvDialect().MaxRecordBytes;

    private protected override CsvDialect Dialect =>
        base.Dialect with { MaxRecordBytes = MaxRecordSize, SkipLines = SkipLines, NullValue = NullValue[0],
            OtherNullValues = NullValue[1..] };
}
