"""A loan kept day by day, in decimals, apart from the product's code: what a reply's numbers are
held against. Only the records `Loan` and `Line` are read."""

from calendar import monthrange
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, getcontext
from fractions import Fraction

from scipy.optimize import brentq

getcontext().prec = 60


def rounded(exact) -> int:
    """分, half up."""
    value = Decimal(Fraction(exact).numerator) / Decimal(Fraction(exact).denominator)
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def months_on(day: date, count: int) -> date:
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


class OwnLedger:
    def __init__(self, loan):
        self.loan, self.terms = loan, loan.terms
        self.rows = list(self._rows())
        self.per_day = self.terms.yearly_rate / self.terms.day_count
        own = self.terms.penalty_daily_rate
        self.late_per_day = own if own is not None else self.per_day * self.terms.penalty_multiple

    def _rows(self):
        loan, terms, left = self.loan, self.terms, self.loan.principal
        count, begin = loan.instalments, loan.drawn_on
        month = terms.yearly_rate / 12
        annuity = None
        if terms.method == "equal_instalment":
            rate = Decimal(month.numerator) / Decimal(month.denominator)
            annuity = rounded(Fraction(loan.principal * rate / (1 - (1 + rate) ** -count)))
        for number in range(1, count + 1):
            due = months_on(loan.first_due, number - 1)
            days = (due - begin).days
            by_day = terms.interest_by == "day"
            rate = terms.yearly_rate / terms.day_count * days if by_day else month
            interest = rounded(left * rate)
            part = {
                "equal_instalment": (annuity or 0) - interest,
                "equal_principal": rounded(Fraction(loan.principal, count)),
                "interest_first": 0,
            }[terms.method]
            part = left if number == count else min(part, left)
            fee = rounded(terms.instalment_fee * loan.principal)
            yield {
                "n": number, "due": due, "begin": begin, "principal": part, "interest": interest,
                "fee": fee, "planned": part + interest + fee, "whole": part,
                "due_interest": interest,
                "penalty": Fraction(0), "penalty_paid": 0, "late": False,
            }  # fmt: skip
            left, begin = left - part, due

    def to(self, day: date) -> "OwnLedger":
        """Every day from the drawdown to `day`: first the penalty of the night, then payments."""
        payments = [one for one in self.loan.payments if one.on <= day]
        today = self.loan.drawn_on
        while today <= day:
            for row in self.rows:
                if row["due"] < today and row["principal"] + row["interest"]:
                    self._night(row, today)
            for one in payments:
                if one.on == today:
                    self._pay(one.amount, today)
            today += timedelta(1)
        self.day = day
        self.payments = payments
        return self

    def _bears(self, row):
        both = self.terms.penalty_on == "principal_and_interest"
        return row["principal"] + (row["interest"] if both else 0)

    def _night(self, row, today):
        grace_end = row["due"] + timedelta(self.terms.grace_days)
        start = row["due"] if self.terms.penalty_from == "due_date" else grace_end
        base = self._bears(row)
        if today > start:
            row["penalty"] += base * self.late_per_day
        if today > grace_end and base:
            row["late"] = True

    def penalty(self, row) -> int:
        return rounded(row["penalty"]) - row["penalty_paid"] if row["late"] else 0

    def owed(self, row) -> int:
        return row["fee"] + row["interest"] + row["principal"] + self.penalty(row)

    def _pay(self, money, today):
        billed = [r for r in self.rows if r["due"] <= today] if self.terms.across == "kind" else []
        ahead = [row for row in self.rows if row not in billed]
        turns = [(row, part) for part in self.terms.allocation for row in billed]
        turns += [(row, part) for row in ahead for part in self.terms.allocation]
        for row, part in turns:
            if part == "penalty":
                paid = min(money, self.penalty(row))
                row["penalty_paid"] += paid
            else:
                paid = min(money, row[part])
                row[part] -= paid
            money -= paid
        assert money == 0

    def account(self) -> str:
        if any(row["due"] < self.day and self.owed(row) for row in self.rows):
            return "overdue"
        return "current" if any(self.owed(row) for row in self.rows) else "settled"

    def values(self, line) -> dict:
        """What each slot is worth: 分, dates, counts, percent as floats."""
        day, terms, loan = self.day, self.terms, self.loan
        late = [row for row in self.rows if row["due"] < day and self.owed(row)]
        coming = [row for row in self.rows if row["due"] >= day and self.owed(row)]
        arrears = sum(self.owed(row) - self.penalty(row) for row in late)
        penalty = sum(self.penalty(row) for row in late)
        principal = sum(row["principal"] for row in self.rows)
        upfront = rounded(terms.upfront_fee * loan.principal)
        interest = sum(row["due_interest"] for row in self.rows)
        fees = upfront + sum(row["planned"] for row in self.rows) - loan.principal - interest
        flows = [row["planned"] for row in self.rows]
        paid_out = loan.principal - upfront
        irr = brentq(
            lambda r: sum(f / (1 + r) ** n for n, f in enumerate(flows, 1)) - paid_out, -1e-9, 1,
            xtol=1e-15,
        )  # fmt: skip
        found = {
            "product_name": terms.name,
            "credit_limit": line.credit_limit,
            "available_limit": max(line.credit_limit - line.used_elsewhere - principal, 0),
            "loan_amount": loan.principal,
            "principal_outstanding": principal,
            "amount_due": arrears + penalty + (self.owed(coming[0]) if coming else 0),
            "instalments_total": loan.instalments,
            "instalments_left": sum(self.owed(row) > 0 for row in self.rows),
            "overdue_amount": arrears,
            "days_past_due": (day - late[0]["due"]).days if late else 0,
            "overdue_interest": sum(row["interest"] for row in late),
            "penalty_interest": penalty,
            "overdue_total": arrears + penalty,
            "bank_card_tail": line.bank_card_tail,
            "grace_days": terms.grace_days,
            "application_date": line.application_date,
            "hotline": line.hotline,
            "service_hours": line.service_hours,
            "total_interest": interest,
            "total_fee": fees,
            "total_repayment": loan.principal + interest + fees,
            "apr_simple": 1200 * irr,
            "apr_compound": 100 * ((1 + irr) ** 12 - 1),
            "daily_rate": float(100 * self.per_day),
        }
        row = coming[0] if coming else late[-1] if late else None
        if row:
            found["due_date"] = row["due"]
            found["statement_date"] = row["due"] - timedelta(terms.statement_days)
            found["instalment_number"] = row["n"]
            found["monthly_payment"] = row["planned"]
            found |= self._closing()
        if self.payments:
            found["last_payment_amount"] = self.payments[-1].amount
            found["last_payment_date"] = self.payments[-1].on
        return found

    def _closing(self) -> dict:
        day, terms = self.day, self.terms
        billed = [row for row in self.rows if row["due"] <= day]
        ahead = [row for row in self.rows if row["due"] > day]
        interest = sum(row["interest"] for row in billed)
        fee = sum(row["fee"] for row in billed)
        not_due = sum(row["whole"] for row in ahead)
        if ahead:
            run = ahead[0]
            to_date = rounded(not_due * self.per_day * (day - run["begin"]).days)
            to_date = min(to_date, run["due_interest"])
            interest += max(to_date - (run["due_interest"] - run["interest"]), 0)
            fee += run["fee"] if run["begin"] < day else 0
        paid_rows = sum(self.owed(row) == 0 for row in self.rows)
        free = terms.settlement_free_after
        if free is None or paid_rows < free:
            fee += rounded(terms.settlement_fee * sum(row["principal"] for row in ahead))
        principal = sum(row["principal"] for row in self.rows)
        penalty = sum(self.penalty(row) for row in self.rows)
        plan = sum(self.owed(row) for row in self.rows) - penalty
        return {
            "settlement_principal": principal,
            "settlement_interest": interest,
            "settlement_fee": fee,
            "settlement_total": principal + interest + fee + penalty,
            "interest_saved": plan - principal - interest - fee,
            "interest_per_day": rounded(not_due * self.per_day),
        }
