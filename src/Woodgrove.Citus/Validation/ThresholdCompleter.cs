using System.Globalization;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Validation;

/// <summary>Completes limits of checks, each as a table with the check's own limit to be changed.</summary>
internal sealed class ThresholdCompleter : ListCompleter
{
    protected override IEnumerable<(string Text, string Tip)> Items() => CheckCatalog.Find([]).Where(c => c.Threshold is not null)
        .Select(c => (string.Create(CultureInfo.InvariantCulture, $"@{{ {c.Check} = {c.Threshold} }}"),
            $"{c.Check}: {c.ThresholdMeaning}"));

    protected override string Quote(string text) => text;
}
