using System.Globalization;
using Woodgrove.Citus.Plans;

namespace Woodgrove.Citus.Reports;

/// <summary>How queries run: drawn, in words, and with what could be better.</summary>
internal sealed class PlanSection(ReportFacts facts) : Section(facts)
{
    public override string Id => "queries";
    public override string Heading => "How queries run";
    public override bool HasContent => Facts.Plans.Count > 0;

    public override void AddTo(Html html)
    {
        for (int i = 0; i < Facts.Plans.Count; i++) Add(html, Facts.Plans[i], i + 1);
    }

    private static void Add(Html html, CitusQueryPlan plan, int number)
    {
        html.Add($"""
            <article aria-labelledby="query-{number}" data-execution="{plan.Execution}"><h3 id="query-{number}">Query {number}</h3><pre tabindex="0"><code>{plan.Query}</code></pre>
            <dl class="facts"><div><dt>Execution</dt><dd>{plan.Execution}</dd></div><div><dt>Aggregation</dt><dd>{plan.Aggregation}</dd></div><div><dt>Joins</dt><dd>{plan.Joins}</dd></div>
            <div><dt>Fragments</dt><dd>{Figure.Count(plan.TaskCount)}</dd></div><div><dt>Moved between nodes</dt><dd>{Figure.Bytes(plan.MovedBytes)}{(plan.IsAnalyzed ? "" : ", estimated")}</dd></div>
            """);
        if (plan.ExecutionTime is { } time) html.Add($"<div><dt>Time</dt><dd>{Milliseconds(time)}</dd></div>");
        html.Add($"</dl>");
        Draw(html, plan, $"Query {number}");
        html.Add($"<ol>").Each(plan.Explanation, sentence => html.Add($"<li>{sentence}</li>")).Add($"</ol>");
        foreach (PlanAdvice advice in plan.Advice)
        {
            html.Add($"""
                <div class="advice {(advice.Severity == AdviceSeverity.Warning ? "bad" : "fair")}"><p><strong>{(advice.Severity == AdviceSeverity.Warning ? "!" : "i")} {advice.Code}</strong> {advice.Message}</p><pre tabindex="0"><code>{advice.Fix}</code></pre></div>
                """);
        }
        html.Add($"</article>");
    }

    /// <summary>The parts that run before come first, as they run.</summary>
    private static void Draw(Html html, CitusQueryPlan plan, string name)
    {
        for (int i = 0; i < plan.Subplans.Count; i++)
        {
            string part = string.Create(CultureInfo.InvariantCulture, $"{name}, part {i + 1}");
            html.Add($"<p class=\"step\">{part}, runs first:</p>");
            Draw(html, plan.Subplans[i], part);
        }
        if (plan.Subplans.Count > 0) html.Add($"<p class=\"step\">{name}, then:</p>");
        PlanTree.Draw(html, plan, name);
    }

    public static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString("N1", CultureInfo.InvariantCulture) + " ms";
}
