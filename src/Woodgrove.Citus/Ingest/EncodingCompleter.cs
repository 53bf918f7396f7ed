using System.Text;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>Completes names of encodings: PowerShell's own first.</summary>
internal sealed class EncodingCompleter : ListCompleter
{
    private static readonly string[] Own = ["utf8", "utf8BOM", "unicode", "bigendianunicode", "utf32", "ascii", "ansi", "oem"];

    protected override IEnumerable<(string Text, string Tip)> Items()
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        return [.. Own.Select(n => (n, n)),
            .. Encoding.GetEncodings().Where(e => !Own.Contains(e.Name)).OrderBy(e => e.Name, StringComparer.Ordinal)
                .Select(e => (e.Name, $"{e.DisplayName}, code page {e.CodePage}"))];
    }
}
