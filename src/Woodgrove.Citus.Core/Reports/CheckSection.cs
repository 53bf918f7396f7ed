using Woodgrove.Citus.Validation;

namespace Woodgrove.Citus.Reports;

/// <summary>What the checks of Test-CitusCluster found: what failed first, and what passed by name alone.</summary>
internal sealed class CheckSection(ReportFacts facts) : Section(facts)
{
    public override string Id => "checks";
    public override string Heading => "Checks";
    public override bool HasContent => Facts.Checks.Count > 0;

    public override void AddTo(Html html)
    {
        ILookup<CheckStatus, CheckResult> by = Facts.Checks.ToLookup(c => c.Status);
        Tone verdict = by.Contains(CheckStatus.Failed) ? Tone.Bad : by.Contains(CheckStatus.Warning) ? Tone.Fair : Tone.Good;
        html.Add($"<p data-checks=\"{Facts.Checks.Count}\">");
        verdict.Badge(html, $"{by[CheckStatus.Failed].Count()} failed, {by[CheckStatus.Warning].Count()} with a warning");
        html.Add($" {Figure.Words(by[CheckStatus.Passed].Count(), "check")} passed, {by[CheckStatus.Skipped].Count()} skipped.</p>");
        foreach (CheckResult c in by[CheckStatus.Failed].Concat(by[CheckStatus.Warning]))
        {
            Tone tone = c.Status == CheckStatus.Failed ? Tone.Bad : Tone.Fair;
            html.Add($"<div class=\"advice {tone}\" data-check=\"{c.Check}\"><p><strong>{tone.Sign} {c.Check}</strong> {c.Actual}. {c.Explanation}</p>");
            if (c.Fix is not null) html.Add($"<pre tabindex=\"0\"><code>{c.Fix}</code></pre>");
            html.Add($"</div>");
        }
        Names("Skipped", by[CheckStatus.Skipped].Select(c => $"{c.Check}: {c.Actual}"));
        Names("Passed", by[CheckStatus.Passed].Select(c => $"{c.Check}: {c.Actual}"));

        void Names(string what, IEnumerable<string> lines)
        {
            if (!lines.Any()) return;
            html.Add($"<details><summary>{what}: {lines.Count()}</summary><ul>").Each(lines, line => html.Add($"<li>{line}</li>"))
                .Add($"</ul></details>");
        }
    }
}
