using System.Globalization;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>Completes names of cultures, with how each writes numbers and dates.</summary>
internal sealed class CultureCompleter : ListCompleter
{
    private static readonly DateTime Example = new(2026, 12, 31);

    protected override IEnumerable<(string Text, string Tip)> Items() =>
        CultureInfo.GetCultures(CultureTypes.SpecificCultures).OrderBy(c => c.Name, StringComparer.Ordinal)
            .Select(c => (c.Name, string.Create(c, $"{c.EnglishName}: {12345.6:N1}, {Example:d}")));
}
