using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Reports;

/// <summary>The latest imports of the ledger.</summary>
internal sealed class ImportSection(ReportFacts facts) : Section(facts)
{
    private const int Shown = 20;

    public override string Id => "imports";
    public override string Heading => "Recent imports";
    public override bool HasContent => Facts.Imports.Count > 0;

    public override void AddTo(Html html)
    {
        html.Add($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Imports"><table><caption>The latest {Math.Min(Shown, Facts.Imports.Count)} of {Facts.Imports.Count} imports in the ledger</caption>
            <thead><tr><th scope="col">Last commit (UTC)</th><th scope="col">Table</th><th scope="col">Source</th><th scope="col">State</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Rejected</th><th scope="col" class="number">Read</th><th scope="col">Route</th></tr></thead><tbody>
            """);
        foreach (CitusImport i in Facts.Imports.Take(Shown))
        {
            Tone tone = i.State switch { ImportState.Complete => Tone.Good, ImportState.Running => Tone.Fair, _ => Tone.Bad };
            html.Add($"""
                <tr data-import="{i.ImportId}"><th scope="row"><time datetime="{i.LastCommit ?? i.StartedAt:yyyy-MM-ddTHH:mm:ssZ}">{i.LastCommit ?? i.StartedAt:yyyy-MM-dd HH:mm}</time></th><td>{i.Table}</td><td class="source">{CsvSource.WithoutSecrets(i.Source)}</td>
                <td><span class="badge {tone}">{tone.Sign} {i.State}</span></td><td class="number">{Figure.Count(i.Rows)}</td><td class="number">{Figure.Count(i.Rejected)}</td><td class="number">{Figure.Bytes(i.Bytes)}</td><td>{i.Route}</td></tr>
                """);
        }
        html.Add($"</tbody></table></div>");
    }
}
